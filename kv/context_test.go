package kv_test

import (
	"maps"
	"math"
	"slices"
	"sync"
	"testing"

	"github.com/espalier-go/espalier/kv"
	"github.com/google/go-cmp/cmp"
)

// wantState fails t unless every read operation on c shows exactly the contents
// of want.
func wantState[K comparable, V any](t *testing.T, c *kv.Context[K, V], want map[K]V) {
	t.Helper()
	if diff := cmp.Diff(want, c.Snapshot()); diff != "" {
		t.Errorf("Snapshot (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, maps.Collect(c.All())); diff != "" {
		t.Errorf("All (-want +got):\n%s", diff)
	}
	keys := slices.Collect(c.Keys())
	if len(keys) != len(want) || c.Len() != len(want) {
		t.Errorf("%d Keys, Len %d; want %d", len(keys), c.Len(), len(want))
	}
	for _, key := range keys {
		if _, ok := want[key]; !ok || !c.Has(key) {
			t.Errorf("key %v: Has = %[3]t; want %[2]t", key, ok, c.Has(key))
		}
	}
}

// All operations of the zero Context work.
func TestTheZeroContextIsReadyToUse(t *testing.T) {
	var read kv.Context[string, int]
	wantState(t, &read, map[string]int{})
	if v, ok := read.Get("a"); v != 0 || ok {
		t.Errorf("Get = %d, %t", v, ok)
	}
	if v, ok := read.Delete("a"); v != 0 || ok {
		t.Errorf("Delete = %d, %t", v, ok)
	}
	if read.View("a", func(*int) { t.Error("View calls f for a key that is not present") }) {
		t.Error("View finds a key")
	}
	if kv.CompareAndSwap(&read, "a", 0, 1) {
		t.Error("CompareAndSwap finds a key")
	}
	read.Clear()

	writes := map[string]func(*kv.Context[string, int]){
		"Set":      func(c *kv.Context[string, int]) { c.Set("a", 1) },
		"GetOrSet": func(c *kv.Context[string, int]) { c.GetOrSet("a", 1) },
		"Add":      func(c *kv.Context[string, int]) { kv.Add(c, "a", 1) },
		"Restore":  func(c *kv.Context[string, int]) { c.Restore(map[string]int{"a": 1}) },
		"Update": func(c *kv.Context[string, int]) {
			if err := c.Update("a", func(int, bool) (int, kv.Op) { return 1, kv.Set }); err != nil {
				t.Error(err)
			}
		},
	}
	for name, write := range writes {
		t.Run(name, func(t *testing.T) {
			var c kv.Context[string, int]
			write(&c)
			wantState(t, &c, map[string]int{"a": 1})
		})
	}
}

// Concurrent first writes lose no key.
func TestTheFirstWritesMayBeConcurrent(t *testing.T) {
	const rounds, goroutines = 500, 4
	for range rounds {
		var c kv.Context[int, int]
		var ready, done sync.WaitGroup
		ready.Add(goroutines)
		for i := range goroutines {
			done.Go(func() {
				ready.Done()
				ready.Wait()
				c.Set(i, i)
				if !c.Has(i) {
					t.Errorf("key %d is lost", i)
				}
			})
		}
		done.Wait()
		if n := c.Len(); n != goroutines {
			t.Fatalf("%d keys; want %d", n, goroutines)
		}
	}
}

// Set replaces a value, and Delete returns the removed value.
func TestSetReplacesAndDeleteReturnsTheValue(t *testing.T) {
	var c kv.Context[string, int]
	c.Set("a", 1)
	c.Set("b", 2)
	c.Set("a", 3)
	wantState(t, &c, map[string]int{"a": 3, "b": 2})
	if v, ok := c.Delete("a"); v != 3 || !ok {
		t.Errorf("Delete = %d, %t; want 3, true", v, ok)
	}
	if v, ok := c.Delete("a"); v != 0 || ok {
		t.Errorf("second Delete = %d, %t; want 0, false", v, ok)
	}
	wantState(t, &c, map[string]int{"b": 2})
	c.Set("a", 4)
	wantState(t, &c, map[string]int{"a": 4, "b": 2})
}

// A deleted key is absent to every operation while its dead entry is still in
// the map.
func TestADeletedKeyIsAbsentWhileItsEntryRemains(t *testing.T) {
	dead := func() *counts {
		var c counts
		c.Set("a", 1)
		kv.HalfDelete(&c, "a")()
		return &c
	}
	c := dead()
	if v, ok := c.Get("a"); v != 0 || ok {
		t.Errorf("Get = %d, %t", v, ok)
	}
	if v, ok := c.Delete("a"); v != 0 || ok {
		t.Errorf("Delete = %d, %t", v, ok)
	}
	if c.Has("a") || c.View("a", nil) || kv.CompareAndSwap(c, "a", 1, 2) {
		t.Error("the key is present")
	}
	for key := range c.Keys() {
		t.Errorf("Keys has %q", key)
	}
	if m := c.Snapshot(); len(m) != 0 {
		t.Errorf("Snapshot is %v", m)
	}
	for name, write := range map[string]func(c *counts){
		"Set":      func(c *counts) { c.Set("a", 5) },
		"GetOrSet": func(c *counts) { c.GetOrSet("a", 5) },
		"Add":      func(c *counts) { kv.Add(c, "a", 5) },
		"Update": func(c *counts) {
			runs := 0
			err := c.Update("a", func(old int, ok bool) (int, kv.Op) {
				if runs++; old != 0 || ok {
					t.Errorf("Update saw %d, %t", old, ok)
				}
				return 5, kv.Set
			})
			if err != nil || runs != 1 {
				t.Errorf("Update: %d runs, error %v; want 1", runs, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := dead()
			write(c)
			wantState(t, c, map[string]int{"a": 5})
		})
	}
}

// GetOrSet stores its value only if the key is absent.
func TestGetOrSetTakesTheValueOnlyOnce(t *testing.T) {
	var c kv.Context[string, int]
	if v, loaded := c.GetOrSet("a", 1); v != 1 || loaded {
		t.Errorf("first GetOrSet = %d, %t; want 1, false", v, loaded)
	}
	if v, loaded := c.GetOrSet("a", 2); v != 1 || !loaded {
		t.Errorf("second GetOrSet = %d, %t; want 1, true", v, loaded)
	}
	wantState(t, &c, map[string]int{"a": 1})
}

// View passes the stored value itself, without a copy and without a lock.
func TestViewPassesTheStoredValueWithoutACopy(t *testing.T) {
	var c kv.Context[string, [1024]byte]
	c.Set("a", [1024]byte{7})
	var first, second *[1024]byte
	c.View("a", func(v *[1024]byte) {
		first = v
		c.Set("a", [1024]byte{8}) // View holds no lock
		c.View("a", func(v *[1024]byte) { second = v })
	})
	if first[0] != 7 || second[0] != 8 {
		t.Errorf("View saw %d, then %d; want 7, then 8", first[0], second[0])
	}
	c.View("a", func(v *[1024]byte) {
		if v != second {
			t.Error("View made a copy")
		}
	})
	if !c.View("a", nil) || c.View("b", nil) {
		t.Error("View with a nil function does not report presence")
	}
}

// Reading an existing key does not allocate.
func TestReadsDoNotAllocate(t *testing.T) {
	var c kv.Context[string, [64]int]
	c.Set("a", [64]int{1})
	sum := 0
	look := func(v *[64]int) { sum += v[0] }
	if n := testing.AllocsPerRun(100, func() {
		v, _ := c.Get("a")
		sum += v[0]
		c.View("a", look)
		c.Has("a")
	}); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// CompareAndSwap swaps only if the key holds the expected value.
func TestCompareAndSwapSwapsOnlyTheExpectedValue(t *testing.T) {
	var c kv.Context[string, int]
	if kv.CompareAndSwap(&c, "a", 0, 1) {
		t.Error("an absent key was swapped")
	}
	c.Set("a", 1)
	if kv.CompareAndSwap(&c, "a", 2, 3) {
		t.Error("1 was swapped although the expected value was 2")
	}
	if !kv.CompareAndSwap(&c, "a", 1, 3) {
		t.Error("1 was not swapped although the expected value was 1")
	}
	wantState(t, &c, map[string]int{"a": 3})
}

// CompareAndSwap treats a value that cannot be compared as unequal to
// everything.
func TestValuesThatCannotBeComparedEqualNothing(t *testing.T) {
	var c kv.Context[string, any]
	c.Set("a", []int{1})
	if kv.CompareAndSwap[string, any](&c, "a", []int{1}, 2) {
		t.Error("a slice compared equal to a slice")
	}
	if kv.CompareAndSwap[string, any](&c, "a", nil, 2) {
		t.Error("a slice compared equal to nil")
	}
	c.Set("a", 1) // the failed calls above must leave the key usable
	if !kv.CompareAndSwap[string, any](&c, "a", 1, 2) {
		t.Error("1 did not compare equal to 1")
	}
}

// Add treats an absent key as zero and wraps around.
func TestAddCountsAbsentAsZeroAndWrapsAround(t *testing.T) {
	var c kv.Context[string, int8]
	if sum := kv.Add(&c, "a", 100); sum != 100 {
		t.Errorf("Add to an absent key = %d; want 100", sum)
	}
	if sum := kv.Add(&c, "a", 100); sum != -56 {
		t.Errorf("Add beyond the maximum = %d; want -56", sum)
	}
	wantState(t, &c, map[string]int8{"a": -56})

	var floats kv.Context[string, float64]
	kv.Add(&floats, "pi", 3)
	if sum := kv.Add(&floats, "pi", 0.25); sum != 3.25 {
		t.Errorf("sum of floats = %v", sum)
	}
}

// A key that is not equal to itself, or cannot be compared, is never present.
func TestAKeyThatIsNotEqualToItselfIsNeverPresent(t *testing.T) {
	type nested struct{ k [1]any }
	t.Run("NaN", func(t *testing.T) { namesNothing(t, math.NaN(), 1.5) })
	t.Run("complex NaN", func(t *testing.T) { namesNothing(t, complex(0, math.NaN()), 1i) })
	t.Run("slice", func(t *testing.T) { namesNothing[any](t, []int{1}, "a") })
	t.Run("map", func(t *testing.T) { namesNothing[any](t, map[int]int{}, 7) })
	t.Run("func", func(t *testing.T) { namesNothing[any](t, func() {}, nil) })
	t.Run("nested", func(t *testing.T) {
		namesNothing(t, nested{k: [1]any{[]int{}}}, nested{k: [1]any{3}})
	})
}

func namesNothing[K comparable](t *testing.T, bad, good K) {
	var c kv.Context[K, int]
	reads := func() {
		t.Helper()
		if v, ok := c.Get(bad); v != 0 || ok {
			t.Errorf("Get = %d, %t", v, ok)
		}
		if c.Has(bad) || c.View(bad, func(*int) {}) || kv.CompareAndSwap(&c, bad, 0, 1) {
			t.Error("the key is present")
		}
		if v, ok := c.Delete(bad); v != 0 || ok {
			t.Errorf("Delete = %d, %t", v, ok)
		}
	}
	reads()
	c.Set(good, 7)
	reads()
	c.Set(bad, 1)
	if v, loaded := c.GetOrSet(bad, 2); v != 2 || loaded {
		t.Errorf("GetOrSet = %d, %t; want 2, false", v, loaded)
	}
	if sum := kv.Add(&c, bad, 3); sum != 3 {
		t.Errorf("Add = %d; want 3", sum)
	}
	ran := false
	err := c.Update(bad, func(int, bool) (int, kv.Op) { ran = true; return 1, kv.Set })
	wantError(t, err, kv.ErrKey)
	if ran {
		t.Error("Update ran the function")
	}
	for range c.Watch(endedContext(t), bad, 0) {
		t.Error("the key has changed")
	}
	if n := c.Len(); n != 1 || kv.Entries(&c) != 1 {
		t.Errorf("%d keys; want only the good key", n)
	}
	if v, ok := c.Get(good); v != 7 || !ok {
		t.Errorf("the good key: %d, %t; want 7, true", v, ok)
	}
}
