package sup_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// S4: A start function that returns ErrIgnore leaves the child declared and
// stopped, or drops a temporary one. Start continues.
func TestErrIgnoreLeavesTheChildDeclaredAndStopped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		seen := new(exits)
		ignore := func(id string, restart sup.Restart, err error) sup.ChildSpec[*fake] {
			return sup.ChildSpec[*fake]{ID: id, Restart: restart, Start: func(context.Context) (*fake, error) { return nil, err }}
		}
		s := start(t, sup.Spec[*fake]{Observers: []sup.Observer{seen}, Children: []sup.ChildSpec[*fake]{
			ignore("permanent", sup.Permanent, sup.ErrIgnore),
			ignore("transient", sup.Transient, fmt.Errorf("not here: %w", sup.ErrIgnore)),
			ignore("temporary", sup.Temporary, sup.ErrIgnore),
			{ID: "next", Start: makes(fake{})},
		}})
		if got := states(s); got != "permanent stopped, transient stopped, next running" {
			t.Error(got)
		}
		if exit := seen.last(); exit != (sup.Exit{}) {
			t.Errorf("an exit was reported: %v", exit)
		}
		if _, err := s.Child("permanent").Wait(t.Context()); !errors.Is(err, sup.ErrStopped) {
			t.Errorf("Wait: %v", err)
		}
		if err := s.RestartChild(t.Context(), "permanent"); err != nil {
			t.Errorf("Restart: %v", err)
		}
		h, err := s.StartChild(t.Context(), ignore("added", sup.Permanent, sup.ErrIgnore))
		if err != nil {
			t.Errorf("StartChild: %v", err)
		}
		if c, ok := h.Info(); !ok || c.State != sup.StateStopped {
			t.Errorf("the child that was added: %+v, declared %v", c, ok)
		}
	})
}

// S4: ErrIgnore at a restart ends the restart. Nothing further is counted.
func TestErrIgnoreAtARestartLeavesTheChildStopped(t *testing.T) {
	bubble(t, func(t *testing.T) {
		attempts := 0
		s := start(t, lone(sup.ChildSpec[*fake]{Start: func(context.Context) (*fake, error) {
			if attempts++; attempts > 1 {
				return nil, sup.ErrIgnore
			}
			return &fake{run: func(context.Context) error { return errBoom }}, nil
		}}))
		synctest.Wait()
		if got := states(s); got != "w stopped" || attempts != 2 {
			t.Errorf("%s after %d attempts", got, attempts)
		}
	})
}

// S5: A start that exceeds its start timeout is a failed start. A worker that
// the start returns late is cleaned up.
func TestAStartThatExceedsItsTimeoutIsAFailedStart(t *testing.T) {
	late := func(ctx context.Context) { <-ctx.Done(); time.Sleep(2 * time.Second) }
	for _, test := range []struct {
		name  string
		start func(tr *trace) func(context.Context) (*fake, error)
		want  string
	}{
		{"start function returns a worker late", func(tr *trace) func(context.Context) (*fake, error) {
			return func(ctx context.Context) (*fake, error) {
				late(ctx)
				return &fake{terminate: func(context.Context, sup.Exit) error { tr.add("terminate"); return nil }}, nil
			}
		}, "terminate, "},
		{"start function returns an error late", func(*trace) func(context.Context) (*fake, error) {
			return func(ctx context.Context) (*fake, error) { late(ctx); return nil, ctx.Err() }
		}, ""},
		{"start function ignores late", func(*trace) func(context.Context) (*fake, error) {
			return func(ctx context.Context) (*fake, error) { late(ctx); return nil, sup.ErrIgnore }
		}, ""},
		{"Initialize returns nil late", func(tr *trace) func(context.Context) (*fake, error) {
			return makes(fake{
				initialize: func(ctx context.Context) error { late(ctx); return nil },
				run:        func(context.Context) error { tr.add("run"); return nil },
				terminate:  func(_ context.Context, e sup.Exit) error { tr.add("terminate"); return nil },
			})
		}, "terminate, "},
		{"both together", func(tr *trace) func(context.Context) (*fake, error) {
			return func(context.Context) (*fake, error) {
				time.Sleep(6 * time.Second)
				return &fake{initialize: func(ctx context.Context) error { time.Sleep(6 * time.Second); return nil }}, nil
			}
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				tr := new(trace)
				began := time.Now()
				_, err := sup.Start(t.Context(), sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{
					traced(tr, "a"), {ID: "b", StartTimeout: 10 * time.Second, Start: test.start(tr)}, traced(tr, "c"),
				}})
				timeout, ok := errors.AsType[*sup.StartTimeoutError](err)
				if !ok || timeout.After != 10*time.Second || !errors.Is(err, sup.ErrStartTimeout) {
					t.Errorf("Start: %v", err)
				}
				if named, _ := errors.AsType[*sup.StartError](err); named == nil || named.Path != "supervisor/b" {
					t.Errorf("Start: %v", err)
				}
				if took := time.Since(began); took != 14*time.Second { // a's start, timeout, late return, a's stop
					t.Errorf("Start took %v", took)
				}
				tr.expect(t, "make a, ready a, "+test.want+"stop a")
			})
		})
	}
}

// S5: The error of a start that timed out includes the error that the start
// function returned late, which may name what it waited for. The start has
// still timed out.
func TestTheErrorOfATimedOutStartIncludesItsLateError(t *testing.T) {
	for _, last := range []error{errBoom, sup.ErrShutdown, sup.ErrIgnore} {
		bubble(t, func(t *testing.T) {
			_, err := sup.Start(t.Context(), sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{
				{ID: "a", StartTimeout: time.Second, Start: makes(fake{initialize: func(ctx context.Context) error {
					<-ctx.Done()
					return last
				}})},
			}})
			want := "supervisor/a: start: not ready within 1s: " + last.Error()
			if !errors.Is(err, sup.ErrStartTimeout) || !errors.Is(err, last) || err.Error() != want {
				t.Errorf("Start: %v; want %s", err, want)
			}
		})
	}
}

// S5: The timeout affects neither a start within it nor a long Run.
func TestAStartWithinItsTimeoutIsNotDisturbed(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := new(trace)
		child := traced(tr, "a")
		child.StartTimeout = 1001 * time.Millisecond
		s := start(t, sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{child}})
		time.Sleep(time.Hour)
		if c := s.Children()[0]; c.State != sup.StateRunning || c.Incarnation != 1 {
			t.Errorf("child %+v", c)
		}
	})
}

// S5: A start that never returns makes the child stuck, and earlier children
// are stopped. Start returns when the child has returned.
func TestAStartThatDoesNotReturnMakesAStuckChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr := new(trace)
		release := make(chan struct{})
		s := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{
			traced(tr, "a"),
			{ID: "b", StartTimeout: 10 * time.Second, Shutdown: 3 * time.Second, Start: func(context.Context) (*fake, error) {
				refuseToReturn(release)
				tr.add("released")
				return nil, errBoom
			}},
			traced(tr, "c"),
		}})
		result := make(chan error, 1)
		go func() { result <- s.Start(t.Context()) }()
		time.Sleep(13900 * time.Millisecond)
		if got := states(s); got != "a running, b stopping, c idle" {
			t.Errorf("before the shutdown timeout: %s", got)
		}
		time.Sleep(time.Minute)
		if b := s.Children()[1]; b.State != sup.StateStuck || !strings.Contains(b.Stack, "refuseToReturn") {
			t.Errorf("b: %+v", b)
		}
		tr.expect(t, "make a, ready a, stop a")
		close(release)
		if err := <-result; !errors.Is(err, sup.ErrStartTimeout) {
			t.Errorf("Start: %v", err)
		}
		tr.expect(t, "released")
	})
}

// S5: StartChild does not wait for a start that never returns. The child is
// removed once its start has returned.
func TestStartChildGivesUpOnAStartThatDoesNotReturn(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		s := start(t, sup.Spec[*fake]{})
		began := time.Now()
		_, err := s.StartChild(t.Context(), sup.ChildSpec[*fake]{
			ID: "w", StartTimeout: 10 * time.Second, Shutdown: 3 * time.Second,
			Start: func(context.Context) (*fake, error) { <-release; return &fake{}, nil },
		})
		if took := time.Since(began); !errors.Is(err, sup.ErrStartTimeout) || took != 13*time.Second {
			t.Errorf("StartChild: %v after %v", err, took)
		}
		if got := states(s); got != "w stuck" {
			t.Error(got)
		}
		close(release)
		synctest.Wait()
		if got := states(s); got != "" {
			t.Errorf("left behind: %s", got)
		}
	})
}

// S5: A restart that times out is a failed attempt. The next attempt begins
// once it has returned.
func TestARestartThatTimesOutIsAFailedAttempt(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		s := start(t, lone(sup.ChildSpec[*fake]{StartTimeout: time.Second, Start: func(ctx context.Context) (*fake, error) {
			switch sup.Incarnation(ctx) {
			case 1:
				return &fake{run: func(context.Context) error { return errBoom }}, nil
			case 2:
				<-ctx.Done() // before the shutdown timeout
			case 3:
				<-release // much later
			}
			return &fake{}, nil
		}}))
		time.Sleep(time.Minute)
		if c := s.Children()[0]; c.State != sup.StateStuck || c.Incarnation != 3 || !errors.Is(c.LastExit.Err, sup.ErrStartTimeout) {
			t.Errorf("child %+v", c)
		}
		close(release)
		synctest.Wait()
		if c := s.Children()[0]; c.State != sup.StateRunning || c.Incarnation != 4 || !errors.Is(c.LastExit.Err, sup.ErrStartTimeout) {
			t.Errorf("child %+v", c)
		}
	})
}

// S4: Only a start function can ignore. ErrIgnore in a panic, from Initialize,
// or from a failed nested supervisor is a failure.
func TestOnlyAStartFunctionIgnores(t *testing.T) {
	late := func(ctx context.Context) (*fake, error) { <-ctx.Done(); return nil, sup.ErrIgnore }
	for name, spec := range map[string]sup.ChildSpec[sup.Worker]{
		"a panic": {Start: func(context.Context) (sup.Worker, error) { panic(fmt.Errorf("boom: %w", sup.ErrIgnore)) }},
		"Initialize": {Start: func(context.Context) (sup.Worker, error) {
			return &fake{initialize: func(context.Context) error { return sup.ErrIgnore }}, nil
		}},
		"a child of it": {Start: func(context.Context) (sup.Worker, error) {
			return sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{{ID: "b", StartTimeout: time.Second, Start: late}}}), nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				spec.ID = "a"
				s, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{spec}})
				if !errors.Is(err, sup.ErrStart) {
					t.Errorf("Start: %v", err)
				}
				if s != nil {
					_ = s.Shutdown(context.Background())
				}
			})
		})
	}
}
