package kv_test

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/espalier-go/espalier/kv"
)

// An Update function that waits for a change of its own key by another
// goroutine does not hang.
func TestAFunctionThatWaitsForAChangeOfItsKeyDoesNotHang(t *testing.T) {
	var c counts
	err := c.Update("a", func(old int, _ bool) (int, kv.Op) {
		done := make(chan bool)
		go func() {
			kv.Add(&c, "a", 1)
			close(done)
		}()
		<-done
		return -1, kv.Set
	})
	wantError(t, err, kv.ErrConflict)
	wantState(t, &c, map[string]int{"a": 1000})
	if n := kv.Guards(&c); n != 0 {
		t.Errorf("%d guards are left, want none", n)
	}
}

// Update functions that update each other's keys all return.
func TestFunctionsThatUpdateEachOthersKeysAllEnd(t *testing.T) {
	const rounds = 300
	var c counts
	add := func(first, second string) {
		for range rounds {
			err := c.Update(first, func(old int, _ bool) (int, kv.Op) {
				runtime.Gosched()
				err := c.Update(second, func(old int, _ bool) (int, kv.Op) { return old, kv.Set })
				if err != nil {
					t.Errorf("inner: %v", err)
				}
				return old + 1, kv.Set
			})
			if err != nil {
				t.Errorf("outer: %v", err)
			}
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { add("a", "b") })
	wg.Go(func() { add("b", "a") })
	wg.Go(func() { add("b", "c") })
	wg.Go(func() { add("c", "a") })
	wg.Wait()
	wantState(t, &c, map[string]int{"a": rounds, "b": 2 * rounds, "c": rounds})
}

// onOneProcessor limits the test to one processor, where goroutines switch only
// when they yield. Races then always have the same outcome.
func onOneProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// Writers yield to an Update that keeps losing races.
func TestWritersYieldToAnUpdateThatKeepsLosing(t *testing.T) {
	onOneProcessor(t)
	var c counts
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for !stop.Load() {
				c.Set("a", 0)
				runtime.Gosched()
			}
		})
	}
	for range 20 {
		if err := c.Update("a", func(int, bool) (int, kv.Op) {
			for range 10 {
				runtime.Gosched() // lets each writer run
			}
			return 1, kv.Set
		}); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	wg.Wait()
}

// Functions that spoil each other's runs get out of step and succeed.
func TestFunctionsThatSpoilEachOthersRunsGetOutOfStep(t *testing.T) {
	onOneProcessor(t)
	for range 10 {
		var c counts
		var guarded, done sync.WaitGroup
		guarded.Add(2)
		spoil := func(own, other string) {
			runs := 0
			if err := c.Update(own, func(int, bool) (int, kv.Op) {
				switch runs++; {
				case runs <= 3:
					var third sync.WaitGroup
					third.Go(func() { c.Set(own, 0) })
					third.Wait()
				case runs == 4:
					guarded.Done() // the two functions are in step from here on
					guarded.Wait()
				}
				c.Set(other, 0)
				for range 5 {
					runtime.Gosched()
				}
				return 1, kv.Set
			}); err != nil {
				t.Error(err)
			}
		}
		done.Go(func() { spoil("a", "b") })
		done.Go(func() { spoil("b", "a") })
		done.Wait()
	}
}
