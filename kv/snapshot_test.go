package kv_test

import (
	"maps"
	"math"
	"sync"
	"testing"

	"github.com/espalier-go/espalier/kv"
)

func TestSnapshotAndRestoreAreARoundTrip(t *testing.T) {
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
			t.Error("a snapshot must not change with its Context")
		}
		c.Restore(snapshot)
		wantState(t, &c, want)

		var fresh kv.Context[int, int]
		fresh.Restore(snapshot)
		snapshot[-1] = 1
		wantState(t, &fresh, want)
	}
}

func TestRestoreOfNilEmptiesTheContext(t *testing.T) {
	var c counts
	c.Set("a", 1)
	c.Restore(nil)
	wantState(t, &c, map[string]int{})
}

func TestRestoreLeavesOutKeysThatAreNotEqualToThemselves(t *testing.T) {
	var c kv.Context[float64, int]
	c.Restore(map[float64]int{math.NaN(): 1, 2: 2})
	wantState(t, &c, map[float64]int{2: 2})
}

func TestLoopsStopWhenToldAndMayChangeTheContext(t *testing.T) {
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
			t.Fatal("the loop feeds itself")
		}
	}
	for key := range c.Keys() {
		if key < n {
			t.Fatalf("key %d is still there", key)
		}
	}
}

// Keys that stay are seen exactly once, whatever others do to the map.
func TestKeysThatStayComeExactlyOnce(t *testing.T) {
	const stay, churn = 200, 2000
	var c kv.Context[int, int]
	for i := range stay {
		c.Set(i, 0)
	}
	var wg sync.WaitGroup
	wg.Go(func() { // makes the map grow and shrink
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
				t.Fatalf("key %d came %d times", key, n)
			}
		}
		for key := range stay {
			if seen[key] != 1 {
				t.Fatalf("key %d did not come", key)
			}
		}
	}
	wg.Wait()
}
