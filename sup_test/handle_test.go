package sup_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// H1: A handle is typed and outlives incarnations: Get returns the live worker
// of the moment.
func TestAHandleOutlivesIncarnations(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr, c := new(trace), make(controls)
		s := start(t, sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{c.child(tr, "declared")}})
		added, err := s.StartChild(t.Context(), c.child(tr, "added"))
		if err != nil {
			t.Fatal(err)
		}
		for id, h := range map[string]sup.Child[*fake]{"declared": s.Child("declared"), "added": added} {
			var seen []*fake
			look := func() {
				t.Helper()
				w, ok := h.Get()
				for _, old := range seen {
					ok = ok && old != w
				}
				if !ok {
					t.Errorf("%s: worker %p, after %p", id, w, seen)
				}
				seen = append(seen, w)
			}
			look()
			c.die(id, errBoom)
			look()
			if err := s.Terminate(t.Context(), id); err != nil {
				t.Error(err)
			}
			if w, ok := h.Get(); ok || w != nil {
				t.Errorf("%s: stopped, and yet there is %p", id, w)
			}
			if err := s.Restart(t.Context(), id); err != nil {
				t.Error(err)
			}
			look()
		}
	})
}

// H1: Get never returns a worker that has ended, is ending, or is not ready.
func TestGetReturnsNoWorkerThatIsNotReadyOrIsEnding(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var s *sup.Supervisor[*fake]
		none := func(when string) {
			if w, ok := s.Child("w").Get(); ok || w != nil {
				t.Errorf("%s there is a worker", when)
			}
		}
		die := make(chan error)
		s = sup.New(lone(sup.ChildSpec[*fake]{
			Backoff: sup.Backoff{Min: time.Second, Max: time.Second}, Budget: sup.Intensity{Restarts: 1, Within: time.Minute}, Restart: sup.Transient,
			Start: func(context.Context) (*fake, error) {
				none("in the start function")
				return &fake{
					initialize: func(context.Context) error { none("in Initialize"); return nil },
					run: func(ctx context.Context) error {
						select {
						case err := <-die:
							return err
						case <-ctx.Done():
							none("after the cancellation")
							return nil
						}
					},
					terminate: func(context.Context, sup.Exit) error { none("in Terminate"); return nil },
				}, nil
			},
		}))
		none("before the start")
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		die <- errBoom
		synctest.Wait()
		none("while it waits for its restart")
		time.Sleep(time.Second)
		die <- errBoom
		synctest.Wait()
		if got := states(s); got != "w quarantined" {
			t.Error(got)
		}
		none("in quarantine")
		if err := s.Restart(t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		none("after the end")
	})
}

// H1: Wait blocks until there is one: through a start, a backoff, attempts that
// fail, and a round.
func TestWaitBlocksUntilThereIsAWorker(t *testing.T) {
	slow := func(context.Context) error { time.Sleep(time.Second); return nil }
	for _, test := range []struct {
		name string
		spec sup.Spec[*fake]
		want time.Duration
	}{
		{"running", lone(sup.ChildSpec[*fake]{Start: makes(fake{})}), 0},
		{"starting", lone(sup.ChildSpec[*fake]{Start: makes(fake{initialize: slow})}), time.Second},
		{"backing off", lone(sup.ChildSpec[*fake]{Backoff: sup.Backoff{Min: time.Minute}, Start: func(ctx context.Context) (*fake, error) {
			if sup.Incarnation(ctx) == 1 {
				return &fake{run: func(context.Context) error { return errBoom }}, nil
			}
			return &fake{}, nil
		}}), time.Minute},
		{"failing to restart", lone(sup.ChildSpec[*fake]{Backoff: sup.Backoff{Min: time.Second}, Start: func(ctx context.Context) (*fake, error) {
			switch sup.Incarnation(ctx) {
			case 1:
				return &fake{run: func(context.Context) error { return errBoom }}, nil
			case 4:
				return &fake{}, nil
			}
			return nil, errBoom
		}}), (1 + 2 + 4) * time.Second},
		{"in a round", sup.Spec[*fake]{Strategy: sup.OneForAll, Children: []sup.ChildSpec[*fake]{
			{ID: "w", Start: makes(fake{})},
			{ID: "crash", Backoff: sup.Backoff{Min: time.Minute}, Start: func(ctx context.Context) (*fake, error) {
				if sup.Incarnation(ctx) == 1 {
					return &fake{run: func(context.Context) error { return errBoom }}, nil
				}
				return &fake{}, nil
			}},
		}}, time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := sup.New(test.spec)
				go s.Start(t.Context())
				synctest.Wait()
				began := time.Now()
				h := s.Child("w")
				w, err := h.Wait(t.Context())
				if took := time.Since(began); err != nil || took != test.want {
					t.Errorf("Wait: %v after %v, want none after %v", err, took, test.want)
				}
				if live, ok := h.Get(); !ok || live != w {
					t.Error("Wait returned another worker than Get")
				}
				synctest.Wait()
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// reasons are the ways for a child to be gone for good, and what Wait says.
var reasons = []struct {
	name  string
	child sup.ChildSpec[*fake]
	end   func(ctx context.Context, s *sup.Supervisor[*fake]) error
	want  error
}{
	{"it has ended", sup.ChildSpec[*fake]{Restart: sup.Transient, Start: makes(fake{run: ends[0].run})}, nil, sup.ErrStopped},
	{"a temporary one has ended", sup.ChildSpec[*fake]{Restart: sup.Temporary, Start: makes(fake{run: ends[0].run})}, nil, sup.ErrNotFound},
	{"an operator has stopped it", sup.ChildSpec[*fake]{Start: makes(fake{})},
		func(ctx context.Context, s *sup.Supervisor[*fake]) error { return s.Terminate(ctx, "w") }, sup.ErrStopped},
	{"an operator has deleted it", sup.ChildSpec[*fake]{Start: makes(fake{})},
		func(ctx context.Context, s *sup.Supervisor[*fake]) error {
			return errors.Join(s.Terminate(ctx, "w"), s.Delete("w"))
		}, sup.ErrNotFound},
	{"quarantine", sup.ChildSpec[*fake]{Budget: sup.Intensity{Restarts: 2, Within: time.Hour}, Start: makes(fake{run: ends[2].run})}, nil, sup.ErrQuarantined},
	{"the supervisor has been shut down", sup.ChildSpec[*fake]{Start: makes(fake{})},
		func(ctx context.Context, s *sup.Supervisor[*fake]) error { return s.Shutdown(ctx) }, sup.ErrNotRunning},
	{"the supervisor has given up", sup.ChildSpec[*fake]{Start: makes(fake{run: ends[2].run})}, nil, sup.ErrNotRunning},
}

// H1: Wait fails at once when there will be none, saying which.
func TestWaitFailsAtOnceWhenThereWillBeNoWorker(t *testing.T) {
	for _, reason := range reasons {
		t.Run(reason.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var s *sup.Supervisor[*fake]
				var h sup.Child[*fake]
				spec := lone(reason.child)
				spec.Children[0].Start = func(ctx context.Context) (*fake, error) {
					h = s.Child("w") // while there is one
					return reason.child.Start(ctx)
				}
				s = sup.New(spec)
				if err := s.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				if reason.end != nil {
					if err := reason.end(t.Context(), s); err != nil {
						t.Error(err)
					}
				}
				began := time.Now()
				w, err := h.Wait(t.Context())
				call, ok := errors.AsType[*sup.CallError](err)
				if w != nil || !errors.Is(err, reason.want) || !ok || call.Path != "supervisor/w" {
					t.Errorf("Wait: %v, %v, want %v", w, err, reason.want)
				}
				if took := time.Since(began); took != 0 {
					t.Errorf("it took %v", took)
				}
				if err := h.Do(t.Context(), func(*fake) error { t.Error("Do called"); return nil }); !errors.Is(err, reason.want) {
					t.Errorf("Do: %v, want %v", err, reason.want)
				}
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// H1: A Wait that has begun fails as soon as there will be none.
func TestAWaitThatHasBegunFailsAsSoonAsThereWillBeNoWorker(t *testing.T) {
	waiting := func(ctx context.Context) (*fake, error) {
		if sup.Incarnation(ctx) == 1 {
			return &fake{run: func(context.Context) error { return errBoom }}, nil
		}
		return nil, errBoom
	}
	for _, test := range []struct {
		name string
		end  func(ctx context.Context, s *sup.Supervisor[*fake]) error
		spec sup.ChildSpec[*fake]
		want error
		took time.Duration
	}{
		{name: "an operator stops it", want: sup.ErrStopped,
			end: func(ctx context.Context, s *sup.Supervisor[*fake]) error { return s.Terminate(ctx, "w") }},
		{name: "the supervisor is shut down", want: sup.ErrNotRunning,
			end: func(ctx context.Context, s *sup.Supervisor[*fake]) error { return s.Shutdown(ctx) }},
		{name: "quarantine", want: sup.ErrQuarantined, spec: sup.ChildSpec[*fake]{Budget: sup.Intensity{Restarts: 1, Within: time.Hour}},
			took: time.Minute},
		{name: "the supervisor gives up", want: sup.ErrNotRunning, took: (1 + 1 + 1) * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				spec := test.spec
				spec.Start, spec.Backoff = waiting, sup.Backoff{Min: time.Minute, Max: time.Minute}
				tree := lone(spec)
				tree.Intensity = sup.Intensity{Restarts: 3, Within: time.Hour}
				s := start(t, tree)
				synctest.Wait()
				began := time.Now()
				result := make(chan error, 1)
				go func() {
					_, err := s.Child("w").Wait(context.Background())
					result <- err
				}()
				synctest.Wait()
				if test.end != nil {
					if err := test.end(t.Context(), s); err != nil {
						t.Error(err)
					}
				}
				err := <-result
				if took := time.Since(began); !errors.Is(err, test.want) || took != test.took {
					t.Errorf("Wait: %v after %v, want %v after %v", err, took, test.want, test.took)
				}
			})
		})
	}
}

// H1: A child that is stopping for good will not be back; nor will any of a
// supervisor that is shutting down.
func TestWaitDoesNotWaitForAStopThatIsForGood(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(ctx context.Context, s *sup.Supervisor[*fake]) error
		want error
	}{
		"operator": {func(ctx context.Context, s *sup.Supervisor[*fake]) error { return s.Terminate(ctx, "w") }, sup.ErrStopped},
		"shutdown": {func(ctx context.Context, s *sup.Supervisor[*fake]) error { return s.Shutdown(ctx) }, sup.ErrShuttingDown},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := start(t, lone(sup.ChildSpec[*fake]{Start: makes(fake{run: func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Second); return nil }})}))
				go test.end(context.Background(), s)
				synctest.Wait()
				if got := states(s); got != "w stopping" {
					t.Error(got)
				}
				began := time.Now()
				_, err := s.Child("w").Wait(t.Context())
				if took := time.Since(began); !errors.Is(err, test.want) || took != 0 {
					t.Errorf("Wait: %v after %v, want %v at once", err, took, test.want)
				}
			})
		})
	}
}

// H1: Where there never was a child, there is nothing to wait for.
func TestWaitFailsAtOnceWhereThereIsNoChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, sup.Spec[*fake]{})
		var zero sup.Child[*fake]
		for name, h := range map[string]sup.Child[*fake]{"unknown id": s.Child("nobody"), "zero handle": zero} {
			if _, err := h.Wait(t.Context()); !errors.Is(err, sup.ErrNotFound) {
				t.Errorf("%s: Wait: %v", name, err)
			}
			if _, ok := h.Get(); ok {
				t.Errorf("%s: there is a worker", name)
			}
			if info, ok := h.Info(); ok {
				t.Errorf("%s: Info: %+v", name, info)
			}
		}
	})
}

// H1: Wait ends with its context, and says why that ended.
func TestWaitEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lone(sup.ChildSpec[*fake]{Backoff: sup.Backoff{Min: time.Hour}, Start: makes(fake{run: ends[2].run})}))
		synctest.Wait()
		errEnough := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errEnough)
		defer cancel()
		if _, err := s.Child("w").Wait(ctx); !errors.Is(err, errEnough) {
			t.Errorf("Wait: %v", err)
		}
		if err := s.Child("w").Do(ctx, func(*fake) error { t.Error("called"); return nil }); !errors.Is(err, errEnough) {
			t.Errorf("Do: %v", err)
		}
	})
}

// H1: Do calls once, with the live worker, waits for it if need be, and returns
// what the function does.
func TestDoCallsWithTheLiveWorkerOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr, c := new(trace), make(controls)
		child := c.child(tr, "w")
		child.Backoff = sup.Backoff{Min: time.Second}
		s := start(t, sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{child}})
		h := s.Child("w")
		calls := 0
		do := func() error {
			return h.Do(t.Context(), func(w *fake) error {
				calls++
				if live, ok := h.Get(); !ok || live != w {
					t.Errorf("called with %p, live is %p", w, live)
				}
				return errBoom
			})
		}
		if err := do(); err != errBoom || calls != 1 {
			t.Errorf("Do: %v after %d calls", err, calls)
		}
		c.die("w", errBoom)
		if err := do(); err != errBoom || calls != 2 {
			t.Errorf("Do: %v after %d calls", err, calls)
		}
	})
}

// H1: Info shows the child as long as it is declared.
func TestTheInfoOfAHandleEndsWithTheDeclaration(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lone(sup.ChildSpec[*fake]{Start: makes(fake{})}))
		h := s.Child("w")
		if err := s.Terminate(t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		if info, ok := h.Info(); !ok || info.ID != "w" || info.State != sup.Stopped {
			t.Errorf("%+v, declared %v", info, ok)
		}
		if err := s.Delete("w"); err != nil {
			t.Fatal(err)
		}
		if info, ok := h.Info(); ok {
			t.Errorf("deleted, and declared as %+v", info)
		}
	})
}

// H1: A handle that was taken by id is to the child that has the id, also when
// that is another one now; the handle that a call which added a child returned is
// to that one.
func TestAHandleByIDFollowsTheID(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, sup.Spec[*fake]{Name: "root"})
		byID := s.Child("w")
		spec := sup.ChildSpec[*fake]{ID: "w", Restart: sup.Temporary, Start: makes(fake{})}
		for range 3 {
			h, err := s.StartChild(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			one, _ := h.Get()
			if w, ok := byID.Get(); !ok || w != one {
				t.Errorf("the handle by id gives %v, %v and not the new child", w, ok)
			}
			if w, err := byID.Wait(t.Context()); err != nil || w != one {
				t.Errorf("the handle by id waits for %v, %v and not for the new child", w, err)
			}
			if err := s.Terminate(t.Context(), "w"); err != nil {
				t.Fatal(err)
			}
			if _, ok := byID.Info(); ok {
				t.Error("the handle by id tells of a child that is gone")
			}
			defer func() {
				if _, err := h.Wait(t.Context()); !errors.Is(err, sup.ErrNotFound) {
					t.Errorf("the handle to a child that is gone: %v", err)
				}
			}()
		}
	})
}

// A getter is a way to get at a worker without waiting.
type getter struct {
	name  string
	get   func() bool            // reports what was expected
	query func() []sup.ChildInfo // takes the lock of that supervisor, for long
}

// getters are all that there are, of children that are live and one that is
// not, in supervisors of many.
func getters(t *testing.T) []getter {
	t.Helper()
	const many = 500
	make := func(context.Context) (*fake, error) { return &fake{}, nil }
	spec := sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{{ID: "up", Start: make}, {ID: "down", Start: make}}}
	for i := range many {
		spec.Children = append(spec.Children, sup.ChildSpec[*fake]{ID: strconv.Itoa(i), Start: make})
	}
	s := start(t, spec)
	if err := s.Terminate(t.Context(), "down"); err != nil {
		t.Fatal(err)
	}
	k, err := sup.StartKeyed(t.Context(), sup.KeyedSpec[int, *fake]{
		Start: func(ctx context.Context, _ int) (*fake, error) { return make(ctx) },
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range many {
		if _, err := k.Start(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	r, err := sup.StartReplicas(t.Context(), sup.ReplicasSpec[*fake]{
		Count: many, Start: func(ctx context.Context, _ int) (*fake, error) { return make(ctx) },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(k.Shutdown(context.Background()), r.Shutdown(context.Background())); err != nil {
			t.Error(err)
		}
	})
	up, down := s.Child("up"), s.Child("down")
	return []getter{
		{"Child.Get", func() bool { _, ok := up.Get(); return ok }, s.Children},
		{"Child.Get, and there is none", func() bool { _, ok := down.Get(); return !ok }, s.Children},
		{"Keyed.Get", func() bool { _, ok := k.Get(7); return ok }, k.Children},
		{"Replicas.Get", func() bool { _, ok := r.Get(2); return ok }, r.Children},
		{"Replicas.Next", func() bool { _, ok := r.Next(); return ok }, r.Children},
	}
}

// H2: Get costs no allocation.
func TestGetCostsNoAllocation(t *testing.T) {
	for _, g := range getters(t) {
		if n := testing.AllocsPerRun(100, func() {
			if !g.get() {
				t.Errorf("%s: not what was expected", g.name)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", g.name, n)
		}
	}
}

// getUntil is a function to be found in stacks.
func getUntil(enough func() bool, get func() bool) {
	for !enough() {
		get()
	}
}

// H2: Get costs no lock: while the supervisor's is held most of the time, no
// call of Get is seen to block.
func TestGetCostsNoLock(t *testing.T) {
	all := getters(t)
	runtime.SetBlockProfileRate(1)
	defer runtime.SetBlockProfileRate(0)
	for _, g := range all {
		var queries atomic.Int64
		var wg sync.WaitGroup
		enough := func() bool { return queries.Load() >= 50 }
		wg.Go(func() {
			for !enough() {
				g.query()
				queries.Add(1)
			}
		})
		getUntil(enough, g.get)
		wg.Wait()
		var profile bytes.Buffer
		if err := pprof.Lookup("block").WriteTo(&profile, 1); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(profile.String(), ".getUntil+") {
			t.Fatalf("%s has blocked:\n%s", g.name, profile.String())
		}
	}
}
