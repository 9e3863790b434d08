package kv_test

import (
	"maps"
	"math"
	"sync"
	"testing"

	"github.com/espalier-go/espalier/kv"
)

// Restore of a Snapshot restores the same contents, and a snapshot does not
// change with its Context.
func TestRestoreOfASnapshotRestoresTheContents(t *testing.T) {
	for _, n := range []int{0, 1, 10, 5000} {
		var c kv.Context[int, int]
		for i := range n {
			c.Set(i, i*i)
		}
		snapshot := c.Snapshot()
		want := maps.Clone(snapshot)
		if len(snapshot) != n {
			t.Fatalf("%d keys; want %d", len(snapshot), n)
		}
		for i := range n {
			switch i % 3 {
			case 0:
				c.Delete(i)
			case 1:
				c.Set(i, -1)
			}
			c.Set(n+i, 7)
		}
		if !maps.Equal(want, snapshot) {
			t.Error("the snapshot changed with its Context")
		}
		c.Restore(snapshot)
		wantState(t, &c, want)

		var fresh kv.Context[int, int]
		fresh.Restore(snapshot)
		snapshot[-1] = 1
		wantState(t, &fresh, want)
	}
}

// Restore of a nil map empties the Context.
func TestRestoreOfNilEmptiesTheContext(t *testing.T) {
	var c counts
	c.Set("a", 1)
	c.Restore(nil)
	wantState(t, &c, map[string]int{})
}

// Restore skips keys that are not equal to themselves.
func TestRestoreSkipsKeysThatAreNotEqualToThemselves(t *testing.T) {
	var c kv.Context[float64, int]
	c.Restore(map[float64]int{math.NaN(): 1, 2: 2})
	wantState(t, &c, map[float64]int{2: 2})
}

// A loop stops on break, and its body may change the Context.
func TestLoopsStopOnBreakAndMayChangeTheContext(t *testing.T) {
	const n = 1000
	var c kv.Context[int, int]
	for i := range n {
		c.Set(i, i)
	}
	for range c.All() {
		break
	}
	for range c.Keys() {
		break
	}
	seen := 0
	for key, value := range c.All() {
		seen++
		c.Set(key, value+1)
		c.Delete(key)
		c.Set(n+key, value)
		if err := c.Update(n+key, func(old int, _ bool) (int, kv.Op) { return old + 1, kv.Set }); err != nil {
			t.Error(err)
		}
		if seen > 10*n {
			t.Fatal("the loop does not end while its body adds keys")
		}
	}
	for key := range c.Keys() {
		if key < n {
			t.Fatalf("key %d is still there", key)
		}
	}
}

// A loop yields every key that stays present exactly once, whatever other
// writers do to the map.
func TestALoopYieldsKeysThatStayExactlyOnce(t *testing.T) {
	const stay, churn = 200, 2000
	var c kv.Context[int, int]
	for i := range stay {
		c.Set(i, 0)
	}
	var wg sync.WaitGroup
	wg.Go(func() { // grows and shrinks the map
		for range 3 {
			for i := range churn {
				c.Set(stay+i, 0)
			}
			for i := range churn {
				c.Delete(stay + i)
			}
		}
	})
	wg.Go(func() {
		for i := range 20 * stay {
			kv.Add(&c, i%stay, 1)
		}
	})
	for range 50 {
		seen := map[int]int{}
		for key := range c.All() {
			seen[key]++
		}
		for key, n := range seen {
			if n != 1 {
				t.Fatalf("key %d was yielded %d times", key, n)
			}
		}
		for key := range stay {
			if seen[key] != 1 {
				t.Fatalf("key %d was not yielded", key)
			}
		}
	}
	wg.Wait()
}
