package sup_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A failedStart is a way for a child not to become ready.
type failedStart struct {
	name  string
	child func() sup.ChildSpec[*fake]
	want  error
}

// uninitialized returns a child whose Initialize does not make it ready.
func uninitialized(initialize func(ctx context.Context) error) func() sup.ChildSpec[*fake] {
	return func() sup.ChildSpec[*fake] { return sup.ChildSpec[*fake]{Start: makes(fake{initialize: initialize})} }
}

// unmade returns a child whose start function makes no worker.
func unmade(start func(context.Context) (*fake, error)) func() sup.ChildSpec[*fake] {
	return func() sup.ChildSpec[*fake] { return sup.ChildSpec[*fake]{Start: start} }
}

var failedStarts = []failedStart{
	{"the start function fails", unmade(func(context.Context) (*fake, error) { return nil, errBoom }), errBoom},
	{"the start function panics", unmade(func(context.Context) (*fake, error) { panic(errBoom) }), errBoom},
	{"the start function calls Goexit", unmade(func(context.Context) (*fake, error) { runtime.Goexit(); return nil, nil }), sup.ErrGoexit},
	{"the start function returns nothing", unmade(func(context.Context) (*fake, error) { return nil, nil }), sup.ErrStart},
	{"Initialize fails", uninitialized(func(context.Context) error { return errBoom }), errBoom},
	{"Initialize fails with shutdown", uninitialized(func(context.Context) error { return sup.ErrShutdown }), sup.ErrShutdown},
	{"Initialize panics", uninitialized(func(context.Context) error { panic("boom") }), sup.ErrPanic},
	{"Initialize calls Goexit", uninitialized(func(context.Context) error { runtime.Goexit(); return nil }), sup.ErrGoexit},
	{"StartTimeout runs out in the start function", func() sup.ChildSpec[*fake] {
		return sup.ChildSpec[*fake]{StartTimeout: time.Second, Start: func(ctx context.Context) (*fake, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
	}, sup.ErrStartTimeout},
	{"StartTimeout runs out in Initialize", func() sup.ChildSpec[*fake] {
		child := uninitialized(func(ctx context.Context) error { <-ctx.Done(); return nil })()
		child.StartTimeout = time.Second
		return child
	}, sup.ErrStartTimeout},
}

// check checks the error that a call returned.
func (f failedStart) check(t *testing.T, err error, op string) {
	t.Helper()
	if !errors.Is(err, f.want) || !errors.Is(err, sup.ErrStart) {
		t.Errorf("%v; want it to wrap ErrStart and %v", err, f.want)
	}
	if call, ok := errors.AsType[*sup.CallError](err); !ok || call.Op != op || call.Path != "supervisor/w" {
		t.Errorf("the error %q does not name the call and the child", err)
	}
	if start, ok := errors.AsType[*sup.StartError](err); !ok || start.Path != "supervisor/w" {
		t.Errorf("%q has no StartError with the path", err)
	}
}

// O1: StartChild adds a child at the end and returns when it is ready.
func TestStartChildAddsAtTheEndAndReturnsWhenTheChildIsReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s := start(t, sup.Spec[*fake]{Strategy: sup.OneForAll, Children: c.good(tr, "a", "b")})
		slow := with(c.child(tr, "w"), func(f *fake) {
			initialize := f.initialize
			f.initialize = func(ctx context.Context) error { time.Sleep(time.Second); return initialize(ctx) }
		})
		begin := time.Now()
		h, err := s.StartChild(t.Context(), slow)
		if took := time.Since(begin); err != nil || took != time.Second {
			t.Fatalf("%v after %v; want a second", err, took)
		}
		w, ok := h.Get()
		if same, _ := s.Child("w").Get(); !ok || same != w {
			t.Error("the handle does not return the live worker")
		}
		expectStates(t, s, "a running, b running, w running")
		tr.take()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		tr.expect(t, "stop w, stop b, stop a")
	})
}

// O1: A failed StartChild returns an error that wraps its cause. It leaves
// nothing behind: no child, worker, count or restart, and the id is free.
func TestAFailedStartChildLeavesNothingBehind(t *testing.T) {
	for _, failure := range failedStarts {
		for _, restart := range []sup.Restart{sup.Permanent, sup.Transient, sup.Temporary} {
			t.Run(failure.name+", "+restart.String(), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c, tr := make(controls), new(trace)
					s := start(t, sup.Spec[*fake]{Strategy: sup.OneForAll, Intensity: none, Children: c.good(tr, "a")})
					tr.take()
					w := failure.child()
					w.ID, w.Restart = "w", restart
					h, err := s.StartChild(t.Context(), w)
					failure.check(t, err, "start child")
					expectStates(t, s, "a running")
					expectCount(t, s, 0)
					tr.expect(t, "")
					if _, ok := h.Get(); ok {
						t.Error("the handle returns a worker")
					}
					if _, err := h.Wait(t.Context()); !errors.Is(err, sup.ErrNotFound) {
						t.Errorf("Wait: %v", err)
					}
					if _, ok := h.Info(); ok {
						t.Error("the handle shows a child")
					}
					if _, err := s.StartChild(t.Context(), c.child(tr, "w")); err != nil {
						t.Errorf("the id is not free: %v", err)
					}
				})
			})
		}
	}
}

// O1, S5: A child that does not return after its start timed out is stuck. Once
// it has returned, nothing of it is left.
func TestAStuckStartChildReturnsAndLeavesNothingBehind(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		s := start(t, sup.Spec[*fake]{})
		begin := time.Now()
		_, err := s.StartChild(t.Context(), sup.ChildSpec[*fake]{ID: "w", StartTimeout: time.Second, Shutdown: 2 * time.Second,
			Start: makes(fake{initialize: func(context.Context) error { <-release; return nil }})})
		if took := time.Since(begin); !errors.Is(err, sup.ErrStartTimeout) || took != 3*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		expectStates(t, s, "w stuck")
		close(release)
		expectStates(t, s, "")
	})
}

// O1: ctx bounds the start. When ctx ends, the child is cancelled and nothing
// stays behind. With an ended ctx nothing begins.
func TestTheEndOfTheContextCancelsStartChild(t *testing.T) {
	for _, step := range []string{"start function", "Initialize"} {
		t.Run(step, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				tr := new(trace)
				s := start(t, sup.Spec[*fake]{})
				wait := func(ctx context.Context, here string) error {
					if here != step {
						return nil
					}
					<-ctx.Done()
					if cause := context.Cause(ctx); !errors.Is(cause, errBoom) || !errors.Is(cause, sup.ErrShutdown) {
						t.Errorf("the child's cause is %v", cause)
					}
					tr.add("cancelled")
					return ctx.Err()
				}
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
				defer cancel()
				w := sup.ChildSpec[*fake]{ID: "w", Start: func(ctx context.Context) (*fake, error) {
					return &fake{initialize: func(ctx context.Context) error { return wait(ctx, "Initialize") }}, wait(ctx, "start function")
				}}
				begin := time.Now()
				_, err := s.StartChild(ctx, w)
				if took := time.Since(begin); !errors.Is(err, errBoom) || !errors.Is(err, sup.ErrStart) || took != time.Second {
					t.Errorf("%v after %v", err, took)
				}
				tr.expect(t, "cancelled")
				expectStates(t, s, "")
				w.Start = func(context.Context) (*fake, error) { tr.add("begun"); return &fake{}, nil }
				_, again := s.StartChild(ctx, w)
				if !errors.Is(again, errBoom) || !errors.Is(again, sup.ErrStart) || again.Error() != err.Error() {
					t.Errorf("cancelled before: %v, cancelled meanwhile: %v", again, err)
				}
				tr.expect(t, "")
				expectStates(t, s, "")
			})
		})
	}
}

// O1: A ready child does not depend on ctx.
func TestAReadyChildOutlivesTheContextOfStartChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s := start(t, sup.Spec[*fake]{})
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := s.StartChild(ctx, c.child(tr, "w")); err != nil {
			t.Fatal(err)
		}
		cancel()
		expectStates(t, s, "w running")
		c.die("w", errBoom)
		expectStates(t, s, "w running")
	})
}

// O1, S4: ErrIgnore is not an error of StartChild. The child is declared, and
// its handle reports that it is stopped. A temporary child is dropped, and its
// handle reports that it does not exist.
func TestStartChildWithErrIgnoreLeavesTheChildDeclared(t *testing.T) {
	for restart, want := range map[sup.Restart]string{sup.Permanent: "w stopped", sup.Transient: "w stopped", sup.Temporary: ""} {
		t.Run(restart.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := start(t, sup.Spec[*fake]{})
				h, err := s.StartChild(t.Context(), sup.ChildSpec[*fake]{ID: "w", Restart: restart, Start: func(ctx context.Context) (*fake, error) {
					if sup.Incarnation(ctx) == 1 {
						return nil, sup.ErrIgnore
					}
					return &fake{}, nil
				}})
				if err != nil {
					t.Error(err)
				}
				expectStates(t, s, want)
				says := sup.ErrStopped
				if restart == sup.Temporary {
					says = sup.ErrNotFound
				}
				if _, err := h.Wait(t.Context()); !errors.Is(err, says) {
					t.Errorf("the handle returns %v; want %v", err, says)
				}
				if restart == sup.Temporary {
					return
				}
				if err := s.RestartChild(t.Context(), "w"); err != nil {
					t.Fatal(err)
				}
				if _, ok := h.Get(); !ok {
					t.Error("the handle does not find the child")
				}
			})
		})
	}
}

// O1: The start of one child delays no other call, no restart, no round and no
// shutdown. A shutdown cancels it.
func TestASlowStartChildDelaysNothing(t *testing.T) {
	for _, strategy := range strategies {
		t.Run(strategy.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				s := start(t, sup.Spec[*fake]{Strategy: strategy, Children: c.good(tr, "a", "b")})
				slow := make(chan error, 1)
				go func() {
					_, err := s.StartChild(context.Background(), with(c.child(tr, "slow"), forAnHour))
					slow <- err
				}()
				synctest.Wait()
				begin := time.Now()
				_, added := s.StartChild(t.Context(), c.child(tr, "c"))
				if err := errors.Join(added, s.TerminateChild(t.Context(), "b"), s.RestartChild(t.Context(), "b"),
					s.TerminateChild(t.Context(), "c"), s.DeleteChild(t.Context(), "c")); err != nil {
					t.Error(err)
				}
				c.die("a", errBoom)
				expectStates(t, s, "a running, b running, slow starting")
				if i := info(t, s, "a"); i.Incarnation != 2 {
					t.Errorf("%+v", i)
				}
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				if err := <-slow; !errors.Is(err, sup.ErrShuttingDown) {
					t.Error(err)
				}
				if took := time.Since(begin); took != 0 {
					t.Errorf("the calls took %v", took)
				}
				expectStates(t, s, "a stopped, b stopped")
			})
		})
	}
}

// O1: A child can be added while the declared children start. Neither waits for
// the other. If the declared children fail to start, the added child is stopped
// with them.
func TestAChildCanBeAddedDuringTheStart(t *testing.T) {
	for _, fail := range []error{nil, errBoom} {
		bubble(t, func(t *testing.T) {
			c, tr := make(controls), new(trace)
			slow := with(c.child(tr, "slow"), func(f *fake) {
				f.initialize = func(context.Context) error { time.Sleep(time.Second); return fail }
			})
			s := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{c.child(tr, "a"), slow, c.child(tr, "b")}})
			started := make(chan error, 1)
			go func() { started <- s.Start(context.Background()) }()
			synctest.Wait()
			if _, err := s.StartChild(t.Context(), c.child(tr, "w")); err != nil {
				t.Error(err)
			}
			expectStates(t, s, "a running, slow starting, b idle, w running")
			err := <-started
			if !errors.Is(err, fail) {
				t.Errorf("Start: %v", err)
			}
			if fail != nil {
				tr.expect(t, "start a, start w, stop w, stop a")
				return
			}
			tr.expect(t, "start a, start w, start b")
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			tr.expect(t, "stop w, stop b, stop slow, stop a")
		})
	}
}

// O1: A cancelled StartChild leaves nothing behind, even if its start does not
// return in time and then returns ErrIgnore.
func TestACancelledStartChildThatReturnsErrIgnoreLateLeavesNothingBehind(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, sup.Spec[*fake]{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := s.StartChild(ctx, sup.ChildSpec[*fake]{ID: "w", Start: func(context.Context) (*fake, error) {
			time.Sleep(time.Hour)
			return nil, sup.ErrIgnore
		}})
		if !errors.Is(err, sup.ErrStart) {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Hour)
		expectStates(t, s, "")
	})
}

// O1: A start that is cancelled and then returns ErrIgnore counts as cancelled.
func TestACancelledStartChildThatReturnsErrIgnoreIsCancelled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, sup.Spec[*fake]{})
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errBoom)
		defer cancel()
		_, err := s.StartChild(ctx, sup.ChildSpec[*fake]{ID: "w", Start: func(ctx context.Context) (*fake, error) {
			<-ctx.Done()
			return nil, sup.ErrIgnore
		}})
		if !errors.Is(err, sup.ErrStart) || !errors.Is(err, errBoom) {
			t.Error(err)
		}
		expectStates(t, s, "")
	})
}
