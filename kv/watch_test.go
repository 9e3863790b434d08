package kv_test

import (
	"context"
	"iter"
	"math"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/espalier-go/espalier/kv"
	"github.com/google/go-cmp/cmp"
)

type change = kv.Change[string, int]

func endedContext(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// watched collects the changes of a watcher in the background. The returned
// function waits until the watcher has taken all pending changes.
func watched(changes iter.Seq[change]) (told func() []change, ended chan bool) {
	var mu sync.Mutex
	var got []change
	ended = make(chan bool)
	go func() {
		defer close(ended)
		for c := range changes {
			mu.Lock()
			got = append(got, c)
			mu.Unlock()
		}
	}()
	return func() []change {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return got
	}, ended
}

func wantChanges(t *testing.T, want, got []change) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

// A watcher receives every kind of change.
func TestAWatcherReceivesEveryKindOfChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counts
		c.Set("a", 100)
		ctx, cancel := context.WithCancel(t.Context())
		one, oneEnded := watched(c.Watch(ctx, "a", 0))
		all, allEnded := watched(c.WatchAll(ctx, 0))

		c.Set("a", 1)
		c.Set("a", 1)
		c.Set("b", 2)
		c.GetOrSet("a", 3) // changes nothing
		c.Delete("a")
		c.Delete("a") // changes nothing
		c.GetOrSet("a", 4)
		kv.Add(&c, "a", 1)
		kv.CompareAndSwap(&c, "a", 5, 6)
		kv.CompareAndSwap(&c, "a", 5, 7) // changes nothing
		for _, op := range []kv.Op{kv.Keep, kv.Set, kv.Delete} {
			if err := c.Update("a", func(old int, _ bool) (int, kv.Op) { return old + 1, op }); err != nil {
				t.Error(err)
			}
		}
		c.Restore(map[string]int{"b": 2})
		c.Clear()

		a := func(v int) change { return change{Key: "a", Value: v, Present: true} }
		gone := change{Key: "a"}
		wantChanges(t, []change{a(1), a(1), gone, a(4), a(5), a(6), a(7), gone}, one())
		b := change{Key: "b", Value: 2, Present: true}
		wantChanges(t, []change{a(1), a(1), b, gone, a(4), a(5), a(6), a(7), gone, b, {Key: "b"}}, all())

		cancel()
		<-oneEnded
		<-allEnded
		synctest.Wait()
		if n := kv.Watchers(&c); n != 0 {
			t.Errorf("%d watchers are left", n)
		}
	})
}

// A watch receives changes from the moment of the call, before its loop begins.
func TestAWatchBeginsWithTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counts
		c.Set("a", 1)
		changes := c.Watch(t.Context(), "a", 0)
		c.Set("a", 2)
		for got := range changes {
			wantChanges(t, []change{{Key: "a", Value: 2, Present: true}}, []change{got})
			break
		}
	})
}

// A full buffer drops the oldest changes and reports their number.
func TestAFullBufferDropsTheOldestChangesAndReportsTheirNumber(t *testing.T) {
	for _, buffer := range []int{1, 3, 8, 13, kv.DefaultBuffer} {
		synctest.Test(t, func(t *testing.T) {
			var c counts
			ctx, cancel := context.WithCancel(t.Context())
			changes := c.Watch(ctx, "a", buffer)
			const sets = 100
			for i := range sets {
				c.Set("a", i)
			}
			var want []change
			for i := sets - buffer; i < sets; i++ {
				want = append(want, change{Key: "a", Value: i, Present: true})
			}
			want[0].Skipped = sets - buffer
			told, ended := watched(changes)
			wantChanges(t, want, told())

			c.Set("a", -1) // the watcher has caught up, so nothing is skipped
			wantChanges(t, append(want, change{Key: "a", Value: -1, Present: true}), told())
			cancel()
			<-ended
		})
	}
}

// A buffer takes memory only as needed, whatever its capacity.
func TestABufferTakesMemoryOnlyAsNeeded(t *testing.T) {
	var c counts
	for _, buffer := range []int{math.MaxInt, 0, -1, math.MinInt} {
		changes := c.Watch(t.Context(), "a", buffer)
		c.Set("a", 1)
		for range changes {
			break
		}
	}
}

// A watch ends with its context.
func TestAWatchEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c counts
		ctx, cancel := context.WithCancel(t.Context())
		_, waiting := watched(c.Watch(ctx, "a", 0)) // in its loop without a pending change
		neverRanged := c.WatchAll(ctx, 0)
		c.Set("b", 1)
		synctest.Wait()
		if n := kv.Watchers(&c); n != 2 {
			t.Errorf("%d watchers; want 2", n)
		}
		cancel()
		synctest.Wait()
		select {
		case <-waiting:
		default:
			t.Error("the loop continues")
		}
		if n := kv.Watchers(&c); n != 0 {
			t.Errorf("%d watchers are left", n)
		}
		for range neverRanged {
			t.Error("a change was received after the end")
		}
		for range c.Watch(ctx, "a", 0) {
			t.Error("a change was received although the context had ended before")
		}
	})
}

// A watch ends with its loop.
func TestAWatchEndsWithItsLoop(t *testing.T) {
	leave := map[string]func(iter.Seq[change]){
		"break": func(changes iter.Seq[change]) {
			for range changes {
				break
			}
		},
		"panic": func(changes iter.Seq[change]) {
			defer func() { _ = recover() }()
			for range changes {
				panic("on purpose")
			}
		},
	}
	for name, leave := range leave {
		t.Run(name, func(t *testing.T) {
			var c counts
			endless := context.Background()
			one, all := c.Watch(endless, "a", 0), c.WatchAll(endless, 0)
			c.Set("a", 1)
			c.Set("a", 2)
			leave(one)
			leave(all)
			if n := kv.Watchers(&c); n != 0 {
				t.Errorf("%d watchers are left", n)
			}
			for range one {
				t.Error("a second loop receives changes")
			}
		})
	}
}

// A watcher may change the keys that it watches.
func TestAWatcherMayChangeTheKeysThatItWatches(t *testing.T) {
	var c counts
	changes := c.Watch(t.Context(), "a", 0)
	c.Set("a", 1)
	for got := range changes {
		if got.Value == 10 {
			break
		}
		c.Set("a", got.Value+1)
	}
	wantState(t, &c, map[string]int{"a": 10})
}

// disturb registers and ends watchers until stop is called. This delays
// writers, in varying order, at the point where they publish their changes.
func disturb(c *counts) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			short, end := context.WithCancel(ctx)
			c.Watch(short, "other", 0)
			end()
		}
	})
	return func() {
		cancel()
		wg.Wait()
	}
}

// A watcher misses no change without reporting it as skipped. Each change adds
// one, so consecutive values show whether Skipped is correct, both between
// changes and from a Get after the start of the watch to the first change.
func TestAWatcherMissesNothingThatItDoesNotReport(t *testing.T) {
	const goroutines, rounds, total = 4, 2000, 4 * 2000
	for _, buffer := range []int{1, 16, total} {
		var c counts
		stop := disturb(&c)
		var wg sync.WaitGroup
		for range goroutines {
			wg.Go(func() {
				for i := range rounds {
					if i%2 == 0 {
						kv.Add(&c, "a", 1)
					} else if err := c.Update("a", func(old int, _ bool) (int, kv.Op) { return old + 1, kv.Set }); err != nil {
						t.Error(err)
					}
				}
			})
		}
		for watcher := range 3 {
			wg.Go(func() {
				for last := 0; last < total; {
					changes := c.Watch(t.Context(), "a", buffer)
					if last, _ = c.Get("a"); last == total {
						return
					}
					taken := 0
					for got := range changes {
						next := last + 1 + got.Skipped
						// A change between Watch and Get is received although Get saw it.
						if got.Value > next || taken > 0 && got.Value < next {
							t.Errorf("value %d with %d skipped follows value %d", got.Value, got.Skipped, last)
						}
						if got.Skipped > 0 && buffer == total {
							t.Errorf("%d skipped although the buffer has room for all", got.Skipped)
						}
						if now, _ := c.Get("a"); now < got.Value {
							t.Errorf("received %d before it took effect", got.Value)
						}
						last = got.Value
						// One watcher stays to the end. The others are replaced all the time.
						if taken++; last == total || watcher > 0 && taken == 10 {
							break
						}
					}
				}
			})
		}
		wg.Wait()
		stop()
	}
}

// A watcher receives the deletion of a key before the key is set again.
func TestADeletionIsReportedBeforeTheKeyIsSetAgain(t *testing.T) {
	onOneProcessor(t)
	for name, write := range map[string]func(c *counts){
		"Set":      func(c *counts) { c.Set("a", 2) },
		"GetOrSet": func(c *counts) { c.GetOrSet("a", 2) },
		"Add":      func(c *counts) { kv.Add(c, "a", 2) },
		"Update": func(c *counts) {
			if err := c.Update("a", func(int, bool) (int, kv.Op) { return 2, kv.Set }); err != nil {
				t.Error(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var c counts
			c.Set("a", 1)
			changes := c.Watch(t.Context(), "a", 0)
			publish := kv.HalfDelete(&c, "a")
			var wg sync.WaitGroup
			wg.Go(func() { write(&c) })
			for range 100 {
				runtime.Gosched() // lets the other goroutine run until it blocks
			}
			publish()
			wg.Wait()
			var got []change
			for change := range changes {
				if got = append(got, change); len(got) == 2 {
					break
				}
			}
			wantChanges(t, []change{{Key: "a"}, {Key: "a", Value: 2, Present: true}}, got)
		})
	}
}

// A watcher receives sets and deletions of a key in order, also while watchers
// come and go.
func TestSetsAndDeletionsOfAKeyAreReportedInOrder(t *testing.T) {
	t.Run("undisturbed", func(t *testing.T) { setsAndDeletions(t, func(*counts) (stop func()) { return func() {} }) })
	t.Run("disturbed", func(t *testing.T) { setsAndDeletions(t, disturb) })
}

func setsAndDeletions(t *testing.T, disturb func(*counts) (stop func())) {
	const goroutines, rounds = 4, 2000
	var c counts
	changes := c.WatchAll(t.Context(), 2*goroutines*rounds+1)
	stop := disturb(&c)
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for range rounds {
				c.GetOrSet("a", 1)
				c.Delete("a")
			}
		})
	}
	wg.Wait()
	stop()
	c.Set("end", 1)
	present := false
	for got := range changes {
		if got.Key == "end" {
			break
		}
		if got.Present == present {
			t.Fatalf("received Present = %t twice in a row", present)
		}
		present = got.Present
	}
}
