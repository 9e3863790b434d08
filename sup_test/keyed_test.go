package sup_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// startKeyed starts a set, and shuts it down when the test ends.
func startKeyed(t *testing.T, spec sup.KeyedSpec[int, *fake]) *sup.Keyed[int, *fake] {
	t.Helper()
	k := sup.NewKeyed(spec)
	if err := k.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return k
}

// expectKeyed compares a set with the text of states, and checks its Len.
func expectKeyed(t *testing.T, k *sup.Keyed[int, *fake], want string) {
	t.Helper()
	expectStates(t, k, want)
	if got, want := k.Len(), len(k.Children()); got != want {
		t.Errorf("Len is %d; want %d", got, want)
	}
}

// O5: A dynamic set can be bounded. When the set is full, StartChild returns
// ErrMaxChildren and begins nothing.
func TestAFullSetAcceptsNoMoreChildren(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := new(trace)
		k := startKeyed(t, sup.KeyedSpec[int, *fake]{Name: "set", Max: 2, Start: func(_ context.Context, key int) (*fake, error) {
			tr.add("start %d", key)
			return &fake{}, nil
		}})
		for _, key := range []int{1, 2} {
			if _, err := k.StartChild(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		h, err := k.StartChild(t.Context(), 3)
		call, ok := errors.AsType[*sup.CallError](err)
		if !errors.Is(err, sup.ErrMaxChildren) || errors.Is(err, sup.ErrStart) || !ok || call.Path != "set/3" {
			t.Error(err)
		}
		if _, ok := h.Get(); ok {
			t.Error("the handle returned a worker")
		}
		if _, err := k.StartChild(t.Context(), 1); !errors.Is(err, sup.ErrAlreadyRunning) {
			t.Errorf("a key that is taken, in a full set: %v", err)
		}
		tr.expect(t, "start 1, start 2")
		expectKeyed(t, k, "1 running, 2 running")
	})
}

// O5: A child counts in each state, also while it restarts.
func TestAChildOfABoundedSetCountsInEachState(t *testing.T) {
	type set = *sup.Keyed[int, *fake]
	crash := func(context.Context) error { return errBoom }
	for state, tt := range map[string]struct {
		spec  sup.KeyedSpec[int, *fake]
		f     fake
		reach func(k set)
	}{
		"running": {},
		"starting": {f: fake{initialize: func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}}},
		"restarting":  {f: fake{run: crash}, spec: sup.KeyedSpec[int, *fake]{Backoff: sup.Backoff{Min: time.Hour}}},
		"quarantined": {f: fake{run: crash}, spec: sup.KeyedSpec[int, *fake]{Budget: none}},
		"stopped":     {reach: func(k set) { k.TerminateChild(context.Background(), 1) }},
		"stopping": {f: fake{run: func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Second)
			return nil
		}}, reach: func(k set) { go k.TerminateChild(context.Background(), 1) }},
		"stuck": {f: fake{run: func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Minute)
			return nil
		}}, reach: func(k set) { k.TerminateChild(context.Background(), 1) }},
	} {
		t.Run(state, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				spec := tt.spec
				spec.Max = 1
				spec.Start = func(ctx context.Context, key int) (*fake, error) {
					f := tt.f
					return &f, nil
				}
				k := startKeyed(t, spec)
				go k.StartChild(context.Background(), 1)
				synctest.Wait()
				if tt.reach != nil {
					tt.reach(k)
				}
				expectKeyed(t, k, "1 "+state)
				if _, err := k.StartChild(t.Context(), 2); !errors.Is(err, sup.ErrMaxChildren) {
					t.Error(err)
				}
				expectKeyed(t, k, "1 "+state)
			})
		})
	}
}

// O5: Everything that takes a child out of the set frees its slot.
func TestARemovedChildFreesItsSlotInABoundedSet(t *testing.T) {
	type set = *sup.Keyed[int, *fake]
	for name, tt := range map[string]struct {
		restart sup.Restart
		free    func(ctx context.Context, k set, die chan error) error
	}{
		"removed": {free: func(ctx context.Context, k set, _ chan error) error { return k.RemoveChild(ctx, 1) }},
		"deleted": {free: func(ctx context.Context, k set, _ chan error) error {
			return errors.Join(k.TerminateChild(ctx, 1), k.DeleteChild(ctx, 1))
		}},
		"temporary, and terminated": {sup.Temporary, func(ctx context.Context, k set, _ chan error) error { return k.TerminateChild(ctx, 1) }},
		"temporary, and ended": {sup.Temporary, func(_ context.Context, _ set, die chan error) error {
			die <- errBoom
			synctest.Wait()
			return nil
		}},
		"finished, and removed": {sup.Transient, func(ctx context.Context, k set, die chan error) error {
			die <- nil
			synctest.Wait()
			return k.RemoveChild(ctx, 1)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				die := make(chan error)
				k := startKeyed(t, sup.KeyedSpec[int, *fake]{Max: 1, Restart: tt.restart, Start: func(_ context.Context, key int) (*fake, error) {
					if key < 0 {
						return nil, errBoom
					}
					return &fake{run: func(ctx context.Context) error {
						select {
						case err := <-die:
							return err
						case <-ctx.Done():
							return nil
						}
					}}, nil
				}})
				if _, err := k.StartChild(t.Context(), -1); !errors.Is(err, errBoom) {
					t.Fatal(err)
				}
				if _, err := k.StartChild(t.Context(), 1); err != nil {
					t.Fatalf("after a start that has failed: %v", err)
				}
				if err := tt.free(t.Context(), k, die); err != nil {
					t.Fatal(err)
				}
				expectKeyed(t, k, "")
				if _, err := k.StartChild(t.Context(), 2); err != nil {
					t.Error(err)
				}
				expectKeyed(t, k, "2 running")
			})
		})
	}
}

// O5: Of many concurrent starts no more succeed than there is room for.
func TestConcurrentStartsSucceedUpToTheBound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := startKeyed(t, sup.KeyedSpec[int, *fake]{Max: 10, Start: func(context.Context, int) (*fake, error) {
			return &fake{initialize: func(context.Context) error { time.Sleep(time.Second); return nil }}, nil
		}})
		var all sync.WaitGroup
		var mu sync.Mutex
		started, full := 0, 0
		for key := range 100 {
			all.Go(func() {
				_, err := k.StartChild(t.Context(), key)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					started++
				case errors.Is(err, sup.ErrMaxChildren):
					full++
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if started != 10 || full != 90 || k.Len() != 10 {
			t.Errorf("%d started, %d found it full, Len is %d; want 10, 90 and 10", started, full, k.Len())
		}
	})
}

// O2, O4: RemoveChild stops a child and removes it, in each state. When it returns nil,
// the child has stopped and is removed.
func TestRemoveStopsAndRemovesAChildInEachState(t *testing.T) {
	for _, tt := range situations() {
		want := tt.terminate.err // RemoveChild includes a TerminateChild
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr, release := make(controls), new(trace), make(chan struct{})
				child := tt.make(c.child(tr, "w"), release)
				k := startKeyed(t, sup.KeyedSpec[int, *fake]{
					Intensity: ample, Restart: child.Restart, Backoff: child.Backoff, Budget: child.Budget,
					Start: func(ctx context.Context, _ int) (*fake, error) { return child.Start(ctx) },
				})
				defer close(release)
				switch tt.name {
				case "starting, by an operator", "starting, just added", "starting for the first time":
					child = with(child, forAnHour)
				}
				go k.StartChild(context.Background(), 7)
				synctest.Wait()
				switch tt.name {
				case "stuck", "stopped by an operator":
					k.TerminateChild(t.Context(), 7)
				case "stopping":
					go k.TerminateChild(context.Background(), 7)
				case "deleted":
					if err := k.RemoveChild(t.Context(), 7); err != nil {
						t.Fatal(err)
					}
				case "stopped by itself", "quarantined", "restarting", "winding up after a failure", "starting, as an automatic restart":
					tt.reach(t.Context(), nil, c, child)
				}
				if tt.state == "" {
					expectKeyed(t, k, "")
				} else {
					expectKeyed(t, k, "7 "+tt.state)
				}
				err := k.RemoveChild(t.Context(), 7)
				if !errors.Is(err, want) {
					t.Errorf("error %v, want %v", err, want)
				}
				if call, ok := errors.AsType[*sup.CallError](err); err != nil && (!ok || call.Op != "remove" || call.Path != "supervisor/7") {
					t.Errorf("the error %q does not name the call and the child", err)
				}
				if want == nil {
					expectKeyed(t, k, "")
				}
				if _, ok := k.Get(7); ok {
					t.Error("the handle returned a worker")
				}
			})
		})
	}
}

// O4: If RemoveChild has not waited for the end, because ctx ended or the child is
// stuck, the child is removed once it has stopped.
func TestAChildThatRemoveCouldNotWaitForIsRemovedWhenItHasStopped(t *testing.T) {
	for _, patience := range []time.Duration{time.Second, time.Minute} {
		t.Run(fmt.Sprint(patience), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				k := startKeyed(t, sup.KeyedSpec[int, *fake]{Max: 1, Start: func(context.Context, int) (*fake, error) {
					return &fake{run: func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Hour); return nil }}, nil
				}})
				if _, err := k.StartChild(t.Context(), 7); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errBoom)
				defer cancel()
				want := sup.ErrStuck
				if patience < sup.DefaultShutdown {
					want = errBoom
				}
				if err := k.RemoveChild(ctx, 7); !errors.Is(err, want) {
					t.Errorf("%v; want %v", err, want)
				}
				if _, err := k.StartChild(t.Context(), 8); !errors.Is(err, sup.ErrMaxChildren) {
					t.Errorf("start of another child before the slot is free: %v", err)
				}
				time.Sleep(2 * time.Hour)
				expectKeyed(t, k, "")
				if _, err := k.StartChild(t.Context(), 8); err != nil {
					t.Error(err)
				}
				k.RemoveChild(t.Context(), 8)
				time.Sleep(2 * time.Hour)
			})
		})
	}
}

// O4: RemoveChild may be called concurrently for one child.
func TestRemoveMayBeCalledConcurrently(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := startKeyed(t, sup.KeyedSpec[int, *fake]{Start: func(context.Context, int) (*fake, error) {
			return &fake{run: func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Second); return nil }}, nil
		}})
		if _, err := k.StartChild(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if err := k.RemoveChild(t.Context(), 7); err != nil && !errors.Is(err, sup.ErrNotFound) {
					t.Error(err)
				}
				if _, err := k.Child(7).Wait(t.Context()); !errors.Is(err, sup.ErrNotFound) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		expectKeyed(t, k, "")
	})
}

// O4: A child that is being removed is not left behind when its start is ignored late.
func TestRemoveOfAChildWhoseStartIsIgnoredLateLeavesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := startKeyed(t, sup.KeyedSpec[int, *fake]{Start: func(context.Context, int) (*fake, error) {
			time.Sleep(time.Hour)
			return nil, sup.ErrIgnore
		}})
		go k.StartChild(context.Background(), 7)
		expectKeyed(t, k, "7 starting")
		if err := k.RemoveChild(t.Context(), 7); !errors.Is(err, sup.ErrStuck) {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		expectKeyed(t, k, "")
	})
}

// O1: A key that no lookup could find again is refused, and delays nothing.
func TestAKeyThatCannotBeFoundAgainIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := sup.NewKeyed(sup.KeyedSpec[any, *fake]{Start: func(context.Context, any) (*fake, error) { return &fake{}, nil }})
		if err := k.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer k.Shutdown(t.Context())
		for _, key := range []any{[]int{1}, math.NaN(), map[int]int{}} {
			if _, err := k.StartChild(t.Context(), key); !errors.Is(err, sup.ErrKey) {
				t.Errorf("Start of %v: %v", key, err)
			}
			if err := k.RemoveChild(t.Context(), key); !errors.Is(err, sup.ErrNotFound) {
				t.Errorf("Remove of %v: %v", key, err)
			}
		}
		if _, err := k.StartChild(t.Context(), "a"); err != nil || k.Len() != 1 {
			t.Errorf("%v, %d children", err, k.Len())
		}
	})
}

// I1, R1: The warning of KeyedSpec: with the defaults, four sessions that end normally
// within five seconds end the whole set. With Temporary they do not.
func TestSessionsThatEndNormallyEndASetWithTheDefaults(t *testing.T) {
	for restart, ends := range map[sup.Restart]bool{sup.Permanent: true, sup.Transient: false, sup.Temporary: false} {
		t.Run(restart.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				k := sup.NewKeyed(sup.KeyedSpec[int, *fake]{Restart: restart, Start: func(ctx context.Context, _ int) (*fake, error) {
					if sup.Incarnation(ctx) > 1 {
						return &fake{}, nil
					}
					return &fake{run: func(context.Context) error { time.Sleep(time.Second); return nil }}, nil
				}})
				if err := k.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				for key := range 4 {
					if _, err := k.StartChild(t.Context(), key); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(2 * time.Second)
				if gaveUp := errors.Is(k.Err(), sup.ErrIntensity); gaveUp != ends {
					t.Errorf("gave up: %v; want %v (%v)", gaveUp, ends, k.Err())
				}
				k.Shutdown(t.Context())
			})
		})
	}
}
