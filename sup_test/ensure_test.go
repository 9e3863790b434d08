package sup_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// O1: With the error for an id that is taken, StartChild returns a handle to the child
// that has it.
func TestStartChildReturnsTheHandleOfTheChildThatIsThere(t *testing.T) {
	for _, s := range situations() {
		if s.start.err == nil {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				release, c := make(chan struct{}), make(controls)
				w := s.make(c.child(new(trace), "w"), release)
				k := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{w}})
				started := make(chan error, 1)
				go func() { started <- k.Start(context.Background()) }()
				synctest.Wait()
				s.reach(t.Context(), k, c, w)
				synctest.Wait()
				h, err := k.StartChild(t.Context(), c.child(new(trace), "w"))
				if !errors.Is(err, s.start.err) {
					t.Errorf("StartChild: %v; want %v", err, s.start.err)
				}
				got, is := h.Info()
				if want, _ := k.Child("w").Info(); !is || got.State.String() != s.state || got.Incarnation != want.Incarnation {
					t.Errorf("the handle shows %+v", got)
				}
				if err := k.TerminateChild(t.Context(), "w"); err != nil && !errors.Is(err, sup.ErrStuck) {
					t.Error(err)
				}
				if _, err := h.Wait(t.Context()); !errors.Is(err, sup.ErrStopped) && !errors.Is(err, sup.ErrNotFound) {
					t.Errorf("Wait after the stop: %v", err)
				}
				close(release)
				k.Shutdown(t.Context())
			})
		})
	}
}

// O1: In a set too, the handle of a running child is good although StartChild fails.
func TestStartChildReturnsTheHandleOfTheKeyThatIsThere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := startKeyed(t, sup.KeyedSpec[int, *fake]{Start: func(context.Context, int) (*fake, error) { return &fake{}, nil }})
		first, err := k.StartChild(t.Context(), 7)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := first.Get()
		again, err := k.StartChild(t.Context(), 7)
		if !errors.Is(err, sup.ErrAlreadyRunning) {
			t.Error(err)
		}
		if got, ok := again.Get(); !ok || got != want {
			t.Errorf("the handle returns %v, %v", got, ok)
		}
	})
}

// customers returns a set whose children take a second to initialize.
func customers(starts *atomic.Int32) sup.KeyedSpec[int, *fake] {
	return sup.KeyedSpec[int, *fake]{Name: "customers", Start: func(context.Context, int) (*fake, error) {
		starts.Add(1)
		return &fake{initialize: func(ctx context.Context) error {
			select {
			case <-time.After(time.Second):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}}, nil
	}}
}

// O9: Of many concurrent calls for a key, one starts the child. All return it when it
// is ready.
func TestEnsureStartsAnAbsentKeyOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var starts atomic.Int32
		k := startKeyed(t, customers(&starts))
		began := time.Now()
		var all sync.WaitGroup
		for range 100 {
			all.Go(func() {
				h, err := k.Ensure(t.Context(), 7)
				if _, live := h.Get(); err != nil || !live || time.Since(began) != time.Second {
					t.Errorf("live %v after %v: %v", live, time.Since(began), err)
				}
			})
		}
		all.Wait()
		if n := starts.Load(); n != 1 {
			t.Errorf("%d starts", n)
		}
		want, _ := k.Get(7)
		h, err := k.Ensure(t.Context(), 7)
		if w, _ := h.Get(); err != nil || w != want {
			t.Errorf("%v, %v", w, err)
		}
		if n := testing.AllocsPerRun(100, func() { k.Ensure(t.Context(), 7) }); n > 0 {
			t.Errorf("%v allocations for a live child", n)
		}
	})
}

// O9: A start that fails is shared by the callers that wait for it, and leaves nothing
// behind.
func TestEnsureSharesTheErrorOfAStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var starts atomic.Int32
		k := startKeyed(t, sup.KeyedSpec[int, *fake]{Name: "set", Start: func(context.Context, int) (*fake, error) {
			starts.Add(1)
			time.Sleep(time.Second)
			return nil, errBoom
		}})
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				h, err := k.Ensure(t.Context(), 7)
				call, is := errors.AsType[*sup.CallError](err)
				if !errors.Is(err, errBoom) || !errors.Is(err, sup.ErrStart) || !is || call.Path != "set/7" {
					t.Error(err)
				}
				if _, is := h.Info(); is {
					t.Error("the handle shows a child")
				}
			})
		}
		all.Wait()
		if n := starts.Load(); n != 1 || k.Len() != 0 {
			t.Errorf("%d starts, %d children", n, k.Len())
		}
	})
}

// O9: If the caller that starts the child gives up, another one starts it.
func TestEnsureOutlivesTheCallerThatStartsTheChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var starts atomic.Int32
		k := startKeyed(t, customers(&starts))
		short, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		var all sync.WaitGroup
		all.Go(func() {
			if _, err := k.Ensure(short, 7); !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		})
		synctest.Wait()
		h, err := k.Ensure(t.Context(), 7)
		if _, live := h.Get(); err != nil || !live || starts.Load() != 2 {
			t.Errorf("live %v after %d starts: %v", live, starts.Load(), err)
		}
		all.Wait()
	})
}

// O9: Ensure waits for a child that is on its way, and starts one that is being removed
// anew. It never starts a child that is stopped or quarantined.
func TestEnsureNeverUndoesTheWordOfAnOperator(t *testing.T) {
	type set = *sup.Keyed[int, *fake]
	slow := func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(time.Second)
		return nil
	}
	crash := func(ctx context.Context) error {
		if sup.Incarnation(ctx) == 1 {
			return errBoom
		}
		<-ctx.Done()
		return ctx.Err()
	}
	terminate := func(k set) { k.TerminateChild(context.Background(), 7) }
	for name, tt := range map[string]struct {
		spec        sup.KeyedSpec[int, *fake]
		run         func(ctx context.Context) error
		reach       func(k set)
		err         error
		state       string
		incarnation int
		takes       time.Duration
	}{
		"starting, for another caller": {state: "running", incarnation: 1},
		"backing off":                  {spec: sup.KeyedSpec[int, *fake]{Backoff: sup.Backoff{Min: time.Minute}}, run: crash, state: "running", incarnation: 2, takes: time.Minute},
		"stopped":                      {reach: terminate, err: sup.ErrStopped, state: "stopped", incarnation: 1},
		"stopping":                     {run: slow, reach: func(k set) { go terminate(k) }, err: sup.ErrStopped, state: "stopping", incarnation: 1},
		"stuck after a stop": {run: func(ctx context.Context) error {
			<-ctx.Done()
			time.Sleep(time.Minute)
			return nil
		}, reach: terminate, err: sup.ErrStopped, state: "stuck", incarnation: 1},
		"quarantined":              {spec: sup.KeyedSpec[int, *fake]{Budget: none}, run: crash, err: sup.ErrQuarantined, state: "quarantined", incarnation: 1},
		"ended by itself":          {spec: sup.KeyedSpec[int, *fake]{Restart: sup.Transient}, run: func(context.Context) error { return nil }, err: sup.ErrStopped, state: "stopped", incarnation: 1},
		"being removed":            {run: slow, reach: func(k set) { go k.RemoveChild(context.Background(), 7) }, state: "running", incarnation: 1, takes: time.Second},
		"temporary, being stopped": {spec: sup.KeyedSpec[int, *fake]{Restart: sup.Temporary}, run: slow, reach: func(k set) { go terminate(k) }, state: "running", incarnation: 1, takes: time.Second},
		"being replaced": {run: slow, reach: func(k set) {
			go sup.Control(k).Replace(context.Background(), sup.Target{Path: "set/7"})
		}, state: "running", incarnation: 2, takes: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				spec := tt.spec
				spec.Name = "set"
				spec.Start = func(context.Context, int) (*fake, error) { return &fake{run: tt.run}, nil }
				k := startKeyed(t, spec)
				go k.StartChild(context.Background(), 7)
				if tt.reach != nil || tt.run != nil {
					synctest.Wait()
				}
				if tt.reach != nil {
					tt.reach(k)
					synctest.Wait()
				}
				began := time.Now()
				h, err := k.Ensure(t.Context(), 7)
				if !errors.Is(err, tt.err) || time.Since(began) != tt.takes {
					t.Errorf("%v after %v; want %v after %v", err, time.Since(began), tt.err, tt.takes)
				}
				info, is := h.Info()
				if !is || info.State.String() != tt.state || info.Incarnation != tt.incarnation {
					t.Errorf("the handle shows %+v; want %s, incarnation %d", info, tt.state, tt.incarnation)
				}
			})
		})
	}
}

// O9: A start function that chooses not to start its child is no error of StartChild,
// but Ensure has no worker to return.
func TestEnsureReportsAStartThatWasDeclined(t *testing.T) {
	for restart, want := range map[sup.Restart]error{sup.Permanent: sup.ErrStopped, sup.Temporary: sup.ErrNotFound} {
		bubble(t, func(t *testing.T) {
			k := startKeyed(t, sup.KeyedSpec[int, *fake]{Restart: restart, Start: func(context.Context, int) (*fake, error) {
				time.Sleep(time.Second)
				return nil, sup.ErrIgnore
			}})
			var all sync.WaitGroup
			for range 2 {
				all.Go(func() {
					if _, err := k.Ensure(t.Context(), 7); !errors.Is(err, want) {
						t.Errorf("%v: %v", restart, err)
					}
				})
			}
			all.Wait()
		})
	}
}

// O9: A temporary child that was ready and has ended is not started twice by one call.
func TestEnsureStartsATemporaryChildOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		starts := 0
		k := startKeyed(t, sup.KeyedSpec[int, *fake]{Restart: sup.Temporary, Start: func(context.Context, int) (*fake, error) {
			starts++
			return &fake{run: func(context.Context) error { return nil }}, nil
		}})
		for n := range 3 {
			if _, err := k.Ensure(t.Context(), 7); err != nil || starts != n+1 {
				t.Errorf("%d starts: %v", starts, err)
			}
			expectKeyed(t, k, "")
		}
	})
}

// O9: Ensure refuses what StartChild refuses.
func TestEnsureObeysTheBoundOfTheSetAndItsEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := startKeyed(t, sup.KeyedSpec[int, *fake]{Max: 1, Start: func(context.Context, int) (*fake, error) { return &fake{}, nil }})
		for key, want := range []error{nil, sup.ErrMaxChildren} {
			if _, err := k.Ensure(t.Context(), key); !errors.Is(err, want) {
				t.Errorf("key %d: %v; want %v", key, err, want)
			}
		}
		cancelled, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := k.Ensure(cancelled, 0); err != nil {
			t.Errorf("a live child: %v", err)
		}
		if err := k.RemoveChild(t.Context(), 0); err != nil {
			t.Error(err)
		}
		if _, err := k.Ensure(cancelled, 0); !errors.Is(err, context.Canceled) {
			t.Errorf("a context that has ended: %v", err)
		}
		if err := k.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := k.Ensure(t.Context(), 0); !errors.Is(err, sup.ErrNotRunning) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// O9: In a tree, Ensure waits for a set that is not started yet or that its parent
// restarts.
func TestEnsureWaitsForASetThatItsParentRestarts(t *testing.T) {
	type shop struct {
		sup.Tree
		Till      sup.Child[*fake]
		Customers sup.Keyed[int, *fake]
	}
	bubble(t, func(t *testing.T) {
		var starts atomic.Int32
		c := make(controls)
		till := c.child(new(trace), "till")
		till.Backoff = sup.Backoff{Min: time.Minute}
		s := new(shop)
		s.Declare(sup.TreeSpec{Name: "shop", Strategy: sup.OneForAll}, s.Till.Declare(till), s.Customers.Declare(customers(&starts)))
		ensured := make(chan error, 2)
		ensure := func() {
			h, err := s.Customers.Ensure(context.Background(), 7)
			if _, live := h.Get(); !live {
				err = errors.Join(err, errors.New("no worker"))
			}
			ensured <- err
		}
		go ensure()
		synctest.Wait()
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-ensured; err != nil {
			t.Errorf("before the start: %v", err)
		}
		c.die("till", errBoom)
		began := time.Now()
		if ensure(); starts.Load() != 2 || time.Since(began) != time.Minute+time.Second {
			t.Errorf("%d starts, after %v", starts.Load(), time.Since(began))
		}
		if err := <-ensured; err != nil {
			t.Errorf("during a round: %v", err)
		}
		if err := s.TerminateChild(t.Context(), "customers"); err != nil {
			t.Error(err)
		}
		if _, err := s.Customers.Ensure(t.Context(), 7); !errors.Is(err, sup.ErrNotRunning) {
			t.Errorf("a set that an operator stopped: %v", err)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// O9: Concurrent calls of all kinds on a few keys end in order, and each handle that
// Ensure returns without an error has had a worker.
func TestEnsureUnderConcurrentOperators(t *testing.T) {
	k := sup.NewKeyed(sup.KeyedSpec[int, *fake]{Intensity: sup.Unlimited, Start: func(_ context.Context, key int) (*fake, error) { return &fake{}, nil }})
	if err := k.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	var all sync.WaitGroup
	for n := range 4 {
		all.Go(func() {
			for i := range 2000 {
				key := i % 3
				switch (i + n) % 4 {
				case 0:
					k.RemoveChild(ctx, key)
				case 1:
					sup.Control(k).Replace(ctx, sup.Target{Path: fmt.Sprint("supervisor/", key)})
				default:
					h, err := k.Ensure(ctx, key)
					if err != nil && !errors.Is(err, sup.ErrStart) {
						t.Error(err)
						return
					}
					if info, is := h.Info(); err == nil && is && info.Incarnation == 0 {
						t.Errorf("never started: %+v", info)
					}
				}
			}
		})
	}
	all.Wait()
	if err := k.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}
