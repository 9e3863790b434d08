package kv_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/espalier-go/espalier/kv"
)

type counts = kv.Context[string, int]

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error is %v; want it to wrap %v", err, want)
		return
	}
	if !strings.HasPrefix(err.Error(), "update of ") {
		t.Errorf("error %q does not begin with the call and the key", err)
	}
}

// Update passes the current value to its function and applies the returned
// operation.
func TestUpdatePassesTheValueAndAppliesTheOperation(t *testing.T) {
	type seen struct {
		Old int
		OK  bool
	}
	for _, test := range []struct {
		before map[string]int
		op     kv.Op
		seen   seen
		after  map[string]int
	}{
		{map[string]int{}, kv.Keep, seen{0, false}, map[string]int{}},
		{map[string]int{}, kv.Set, seen{0, false}, map[string]int{"a": 9}},
		{map[string]int{}, kv.Delete, seen{0, false}, map[string]int{}},
		{map[string]int{"a": 1}, kv.Keep, seen{1, true}, map[string]int{"a": 1}},
		{map[string]int{"a": 1}, kv.Set, seen{1, true}, map[string]int{"a": 9}},
		{map[string]int{"a": 1}, kv.Delete, seen{1, true}, map[string]int{}},
	} {
		t.Run(fmt.Sprint(test.before, test.op), func(t *testing.T) {
			var c counts
			c.Restore(test.before)
			var got []seen
			err := c.Update("a", func(old int, ok bool) (int, kv.Op) {
				got = append(got, seen{old, ok})
				return 9, test.op
			})
			if err != nil || len(got) != 1 || got[0] != test.seen {
				t.Errorf("function saw %v, error %v; want exactly %v", got, err, test.seen)
			}
			wantState(t, &c, test.after)
		})
	}
}

// Update rejects an invalid operation and a nil function.
func TestUpdateRejectsInvalidOperationsAndNilFunctions(t *testing.T) {
	var c counts
	c.Set("a", 1)
	for _, op := range []kv.Op{-1, 3, 1000} {
		err := c.Update("a", func(int, bool) (int, kv.Op) { return 2, op })
		if want := fmt.Sprintf("update of a: function returned Op(%d), want Keep, Set or Delete", op); err == nil || err.Error() != want {
			t.Errorf("error is %v; want %s", err, want)
		}
	}
	if err := c.Update("a", nil); err == nil || err.Error() != "update: nil function" {
		t.Errorf("error of a nil function is %v", err)
	}
	wantState(t, &c, map[string]int{"a": 1})
}

// own lists the ways in which a function can change the key "a" of c to 5. Some
// of them need the key to be present.
var own = map[string]struct {
	present bool
	change  func(c *counts)
}{
	"Set":            {true, func(c *counts) { c.Set("a", 5) }},
	"Set absent":     {false, func(c *counts) { c.Set("a", 5) }},
	"Delete and Set": {true, func(c *counts) { c.Delete("a"); c.Set("a", 5) }},
	"Add":            {true, func(c *counts) { kv.Add(c, "a", 0) }},
	"CompareAndSwap": {true, func(c *counts) { kv.CompareAndSwap(c, "a", 5, 5) }},
	"Clear":          {true, func(c *counts) { c.Clear(); c.GetOrSet("a", 5) }},
	"Restore":        {true, func(c *counts) { c.Restore(map[string]int{"a": 5}) }},
	"Update": {true, func(c *counts) {
		err := c.Update("a", func(int, bool) (int, kv.Op) { return 5, kv.Set })
		if err != nil {
			panic(err)
		}
	}},
	"Update through another": {true, func(c *counts) {
		err := c.Update("b", func(int, bool) (int, kv.Op) {
			c.Set("a", 5)
			return 0, kv.Keep
		})
		if err != nil {
			panic(err)
		}
	}},
}

// An Update whose function changes its own key returns a conflict.
func TestAFunctionThatChangesItsOwnKeyIsAConflict(t *testing.T) {
	for name, test := range own {
		for _, op := range []kv.Op{kv.Keep, kv.Set, kv.Delete} {
			t.Run(fmt.Sprint(name, " ", op), func(t *testing.T) {
				var c counts
				if test.present {
					c.Set("a", 5)
				}
				err := c.Update("a", func(int, bool) (int, kv.Op) {
					test.change(&c)
					return 9, op
				})
				wantError(t, err, kv.ErrConflict)
				wantState(t, &c, map[string]int{"a": 5})
				if n := kv.Guards(&c); n != 0 {
					t.Errorf("%d guards are left", n)
				}
			})
		}
	}
}

// An Update function may read its own key.
func TestReadingItsOwnKeyIsHarmless(t *testing.T) {
	var c counts
	c.Set("a", 1)
	err := c.Update("a", func(old int, _ bool) (int, kv.Op) {
		v, _ := c.Get("a")
		c.View("a", func(p *int) { v += *p })
		for _, x := range c.All() {
			v += x
		}
		if actual, loaded := c.GetOrSet("a", 7); !loaded || c.Len() != 1 || !c.Has("a") {
			v += actual
		}
		if err := c.Update("a", func(int, bool) (int, kv.Op) { return 0, kv.Keep }); err != nil {
			t.Error(err)
		}
		return old + v, kv.Set
	})
	if err != nil {
		t.Error(err)
	}
	wantState(t, &c, map[string]int{"a": 4})
}

// An Update function may use every other key. The test has many more keys than
// a new map has buckets, so that some share a bucket.
func TestAFunctionMayUseEveryOtherKey(t *testing.T) {
	const n = 2000
	var c kv.Context[int, int]
	for i := range n {
		c.Set(i, i)
	}
	err := c.Update(0, func(old int, ok bool) (int, kv.Op) {
		for i := 1; i < n; i++ {
			switch i % 6 {
			case 0:
				c.Set(i, -i)
			case 1:
				c.Delete(i)
			case 2:
				kv.Add(&c, i, 1)
			case 3:
				if err := c.Update(i, func(old int, ok bool) (int, kv.Op) { return old + 2, kv.Set }); err != nil {
					t.Error(err)
				}
			case 4:
				kv.CompareAndSwap(&c, i, i, i+3)
			case 5:
				c.GetOrSet(n+i, i)
			}
		}
		return c.Len(), kv.Set
	})
	if err != nil {
		t.Fatal(err)
	}
	want := map[int]int{}
	for i := 1; i < n; i++ {
		switch i % 6 {
		case 0:
			want[i] = -i
		case 2:
			want[i] = i + 1
		case 3:
			want[i] = i + 2
		case 4:
			want[i] = i + 3
		case 5:
			want[i], want[n+i] = i, i
		}
	}
	want[0] = len(want) + 1
	wantState(t, &c, want)
}

// An Update that lost a race runs its function again with the new value.
func TestAnUpdateThatLostARaceRunsAgainWithTheNewValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counts
		c.Set("a", 1)
		var seen []int
		entered, changed := make(chan bool), make(chan bool)
		go func() {
			<-entered
			c.Set("a", 10)
			close(changed)
		}()
		err := c.Update("a", func(old int, _ bool) (int, kv.Op) {
			if seen = append(seen, old); len(seen) == 1 {
				close(entered)
				<-changed // no lock keeps the other goroutine from writing
			}
			return old + 1, kv.Set
		})
		if err != nil || len(seen) != 2 || seen[1] != 10 {
			t.Errorf("function saw %v, error %v; want [1 10]", seen, err)
		}
		wantState(t, &c, map[string]int{"a": 11})
	})
}

// A value that was changed and changed back counts as changed.
func TestAValueThatWasChangedBackCountsAsChanged(t *testing.T) {
	var c counts
	c.Set("a", 1)
	runs := 0
	if err := c.Update("a", func(old int, _ bool) (int, kv.Op) {
		if runs++; runs == 1 {
			c.Set("a", 2)
			c.Set("a", 1)
		}
		return old + 1, kv.Set
	}); err != nil || runs != 2 {
		t.Errorf("%d runs, error %v; want 2", runs, err)
	}
	wantState(t, &c, map[string]int{"a": 2})
}

// A panic or Goexit in an Update function leaves the key unchanged and usable.
func TestAPanicOrGoexitLeavesTheKeyUnchanged(t *testing.T) {
	leave := map[string]func(){
		"panic":     func() { panic("on purpose") },
		"nil panic": func() { panic(nil) },
		"Goexit":    runtime.Goexit,
	}
	for name, leave := range leave {
		for _, run := range []int{1, 2, 4, 5} { // without a guard and with one
			t.Run(fmt.Sprint(name, " in run ", run), func(t *testing.T) {
				var c counts
				c.Set("a", 1)
				runs := 0
				var wg sync.WaitGroup
				wg.Add(1)
				go func() {
					defer wg.Done()
					defer func() { _ = recover() }()
					_ = c.Update("a", func(old int, _ bool) (int, kv.Op) {
						if runs++; runs == run {
							leave()
						}
						var other sync.WaitGroup
						other.Go(func() { c.Set("a", old) })
						other.Wait()
						return 9, kv.Set
					})
				}()
				wg.Wait()
				if runs != run {
					t.Errorf("%d runs; want %d", runs, run)
				}
				if n := kv.Guards(&c); n != 0 {
					t.Errorf("%d guards are left", n)
				}
				wantState(t, &c, map[string]int{"a": 1})
				if err := c.Update("a", func(old int, _ bool) (int, kv.Op) { return old + 1, kv.Set }); err != nil {
					t.Error(err)
				}
				c.Delete("a")
				wantState(t, &c, map[string]int{})
			})
		}
	}
}

// Concurrent Updates lose no change.
func TestNoUpdateIsLost(t *testing.T) {
	const goroutines, rounds = 8, 500
	var c counts
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range rounds {
				if err := c.Update("a", func(old int, _ bool) (int, kv.Op) {
					if old%16 == 0 {
						runtime.Gosched()
					}
					return old + 1, kv.Set
				}); err != nil {
					t.Error(err)
				}
				kv.Add(&c, "a", 1)
				for {
					v, _ := c.Get("a")
					if kv.CompareAndSwap(&c, "a", v, v+1) {
						break
					}
				}
			}
		})
	}
	wg.Wait()
	wantState(t, &c, map[string]int{"a": 3 * goroutines * rounds})
}

// Dead entries are removed from the map.
func TestDeadEntriesAreRemoved(t *testing.T) {
	const keys, rounds = 4, 2000
	var c kv.Context[int, int]
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range rounds {
				key := (i + g) % keys
				c.Set(key, i)
				c.GetOrSet(key, i)
				if err := c.Update(key, func(int, bool) (int, kv.Op) { return 0, kv.Delete }); err != nil {
					t.Error(err)
				}
				c.Delete(key)
			}
		})
	}
	wg.Wait()
	c.Clear()
	if n := kv.Entries(&c); n != 0 {
		t.Errorf("%d entries are left", n)
	}
}
