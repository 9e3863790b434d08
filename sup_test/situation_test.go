package sup_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A situation is a state of the child w, between a and z, with the results of
// operator calls on w in that state.
type situation struct {
	name   string
	state  string // of w
	make   func(c sup.ChildSpec[*fake], release <-chan struct{}) sup.ChildSpec[*fake]
	reach  func(ctx context.Context, s *sup.Supervisor[*fake], c controls, w sup.ChildSpec[*fake])
	counts int // restarts before the state is reached

	terminate, restart, delete, start outcome
}

// An outcome is the result of a call and the state of w after it, "" if w is no
// longer declared.
type outcome struct {
	err   error
	state string
}

// afterCrash applies change to all incarnations of a child after the first.
func afterCrash(c sup.ChildSpec[*fake], change func(f *fake)) sup.ChildSpec[*fake] {
	start := c.Start
	c.Start = func(ctx context.Context) (*fake, error) {
		f, err := start(ctx)
		if err == nil && sup.Incarnation(ctx) > 1 {
			change(f)
		}
		return f, err
	}
	return c
}

func forAnHour(f *fake) {
	f.initialize = func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Hour):
			return nil
		}
	}
}

func situations() []situation {
	type child = sup.ChildSpec[*fake]
	type supervisor = *sup.Supervisor[*fake]
	same := func(c child, _ <-chan struct{}) child { return c }
	nothing := func(context.Context, supervisor, controls, child) {}
	crash := func(_ context.Context, _ supervisor, c controls, _ child) { c.die("w", errBoom) }
	taken := sup.ErrAlreadyRunning
	return []situation{
		{
			name: "running", state: "running", make: same, reach: nothing,
			terminate: outcome{nil, "stopped"}, restart: outcome{sup.ErrRunning, "running"},
			delete: outcome{sup.ErrRunning, "running"}, start: outcome{taken, "running"},
		}, {
			name: "starting for the first time", state: "starting",
			make:      func(c child, _ <-chan struct{}) child { return with(c, forAnHour) },
			reach:     nothing,
			terminate: outcome{nil, "stopped"}, restart: outcome{sup.ErrRunning, "starting"},
			delete: outcome{sup.ErrRunning, "starting"}, start: outcome{taken, "starting"},
		}, {
			name: "starting, by an operator", state: "starting",
			make: func(c child, _ <-chan struct{}) child { return afterCrash(c, forAnHour) },
			reach: func(ctx context.Context, s supervisor, _ controls, _ child) {
				if s.TerminateChild(ctx, "w") == nil {
					go s.RestartChild(context.Background(), "w")
				}
			},
			terminate: outcome{nil, "stopped"}, restart: outcome{sup.ErrRunning, "starting"},
			delete: outcome{sup.ErrRunning, "starting"}, start: outcome{taken, "starting"},
		}, {
			name: "starting, just added", state: "starting",
			make: same,
			reach: func(ctx context.Context, s supervisor, _ controls, w child) {
				if errors.Join(s.TerminateChild(ctx, "w"), s.DeleteChild(ctx, "w")) == nil {
					go s.StartChild(context.Background(), with(w, forAnHour))
				}
			},
			terminate: outcome{nil, ""}, restart: outcome{sup.ErrRunning, "starting"}, // not declared until ready
			delete: outcome{sup.ErrRunning, "starting"}, start: outcome{taken, "starting"},
		}, {
			name: "starting, as an automatic restart", state: "starting", counts: 1,
			make:      func(c child, _ <-chan struct{}) child { return afterCrash(c, forAnHour) },
			reach:     crash,
			terminate: outcome{nil, "stopped"}, restart: outcome{sup.ErrRestarting, "starting"},
			delete: outcome{sup.ErrRestarting, "starting"}, start: outcome{sup.ErrRestarting, "starting"},
		}, {
			name: "restarting", state: "restarting", counts: 1,
			make: func(c child, _ <-chan struct{}) child {
				c.Backoff = sup.Backoff{Min: time.Hour}
				return c
			},
			reach:     crash,
			terminate: outcome{nil, "stopped"}, restart: outcome{sup.ErrRestarting, "restarting"},
			delete: outcome{sup.ErrRestarting, "restarting"}, start: outcome{sup.ErrRestarting, "restarting"},
		}, {
			name: "stopping", state: "stopping",
			make: func(c child, _ <-chan struct{}) child { return slowStop(new(trace), c, time.Second) },
			reach: func(_ context.Context, s supervisor, _ controls, _ child) {
				go s.TerminateChild(context.Background(), "w")
			},
			terminate: outcome{nil, "stopped"}, restart: outcome{sup.ErrRunning, "stopping"},
			delete: outcome{sup.ErrRunning, "stopping"}, start: outcome{taken, "stopping"},
		}, {
			name: "winding up after a failure", state: "stopping",
			make: func(c child, _ <-chan struct{}) child {
				return with(c, func(f *fake) {
					f.terminate = func(context.Context, sup.Exit) error { time.Sleep(time.Second); return nil }
				})
			},
			reach:     crash,
			terminate: outcome{nil, "stopped"}, restart: outcome{sup.ErrRunning, "stopping"},
			delete: outcome{sup.ErrRunning, "stopping"}, start: outcome{taken, "stopping"},
		}, {
			name: "stuck", state: "stuck",
			make: func(c child, release <-chan struct{}) child {
				return with(c, func(f *fake) { f.run = func(context.Context) error { <-release; return nil } })
			},
			reach:     func(ctx context.Context, s supervisor, _ controls, _ child) { s.TerminateChild(ctx, "w") },
			terminate: outcome{sup.ErrStuck, "stuck"}, restart: outcome{sup.ErrRunning, "stuck"},
			delete: outcome{sup.ErrRunning, "stuck"}, start: outcome{taken, "stuck"},
		}, {
			name: "stopped by an operator", state: "stopped", make: same,
			reach:     func(ctx context.Context, s supervisor, _ controls, _ child) { s.TerminateChild(ctx, "w") },
			terminate: outcome{nil, "stopped"}, restart: outcome{nil, "running"},
			delete: outcome{nil, ""}, start: outcome{sup.ErrAlreadyDeclared, "stopped"},
		}, {
			name: "stopped by itself", state: "stopped",
			make:      func(c child, _ <-chan struct{}) child { c.Restart = sup.Transient; return c },
			reach:     func(_ context.Context, _ supervisor, c controls, _ child) { c.die("w", nil) },
			terminate: outcome{nil, "stopped"}, restart: outcome{nil, "running"},
			delete: outcome{nil, ""}, start: outcome{sup.ErrAlreadyDeclared, "stopped"},
		}, {
			name: "quarantined", state: "quarantined",
			make:      func(c child, _ <-chan struct{}) child { c.Budget = none; return c },
			reach:     crash,
			terminate: outcome{nil, "stopped"}, restart: outcome{nil, "running"},
			delete: outcome{nil, ""}, start: outcome{sup.ErrAlreadyDeclared, "quarantined"},
		}, {
			name: "deleted", state: "", make: same,
			reach: func(ctx context.Context, s supervisor, _ controls, _ child) {
				s.TerminateChild(ctx, "w")
				s.DeleteChild(context.Background(), "w")
			},
			terminate: outcome{sup.ErrNotFound, ""}, restart: outcome{sup.ErrNotFound, ""},
			delete: outcome{sup.ErrNotFound, ""}, start: outcome{nil, "running"},
		},
	}
}

// stateOf returns the state of a child, "" if it is not declared.
func stateOf(s *sup.Supervisor[*fake], id string) string {
	for _, c := range s.Children() {
		if c.ID == id {
			return c.State.String()
		}
	}
	return ""
}

// O1, O2, O3, O4: Each operator call has a defined result in each state of the
// child. It leaves the siblings alone and counts no restart.
func TestOperatorCallsHaveADefinedResultInEachState(t *testing.T) {
	for _, tt := range situations() {
		for op, want := range map[string]outcome{"terminate": tt.terminate, "restart": tt.restart, "delete": tt.delete, "start child": tt.start} {
			t.Run(tt.name+", "+op, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c, tr, release := make(controls), new(trace), make(chan struct{})
					w := tt.make(c.child(tr, "w"), release)
					s := sup.New(sup.Spec[*fake]{Intensity: ample, Children: []sup.ChildSpec[*fake]{c.child(tr, "a"), w, c.child(tr, "z")}})
					started := make(chan error, 1)
					go func() { started <- s.Start(context.Background()) }()
					synctest.Wait()
					tt.reach(t.Context(), s, c, w)
					synctest.Wait()
					if got := stateOf(s, "w"); got != tt.state {
						t.Fatalf("w is %s, not %s", got, tt.state)
					}
					var err error
					switch op {
					case "terminate":
						err = s.TerminateChild(t.Context(), "w")
					case "restart":
						err = s.RestartChild(t.Context(), "w")
					case "delete":
						err = s.DeleteChild(context.Background(), "w")
					case "start child":
						_, err = s.StartChild(t.Context(), c.child(tr, "w"))
					}
					if !errors.Is(err, want.err) {
						t.Errorf("it answers %v; want %v", err, want.err)
					}
					if call, ok := errors.AsType[*sup.CallError](err); err != nil && (!ok || call.Op != op || call.Path != "supervisor/w") {
						t.Errorf("the error %q does not name the call and the child", err)
					}
					if got := stateOf(s, "w"); got != want.state {
						t.Errorf("w is %s after it; want %s", got, want.state)
					}
					for _, id := range []string{"a", "z"} {
						if i := info(t, s, id); i.State != sup.StateRunning && tt.name != "starting for the first time" || i.Incarnation > 1 {
							t.Errorf("%s: %+v", id, i)
						}
					}
					expectCount(t, s, tt.counts)
					close(release)
					if err := s.Shutdown(context.Background()); err != nil {
						t.Error(err)
					}
					<-started
				})
			})
		}
	}
}

// O2, O3, O4: Operator calls have a defined result for a child whose first
// start has not begun.
func TestOperatorCallsHaveADefinedResultBeforeTheFirstStart(t *testing.T) {
	for op, want := range map[string]outcome{
		"terminate": {nil, "stopped"}, "restart": {sup.ErrRunning, "running"}, "delete": {sup.ErrRunning, "running"}, "start child": {sup.ErrAlreadyRunning, "running"},
	} {
		t.Run(op, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				slow := with(c.child(tr, "a"), func(f *fake) {
					f.initialize = func(context.Context) error { time.Sleep(time.Second); return nil }
				})
				s := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{slow, c.child(tr, "w"), c.child(tr, "z")}})
				started := make(chan error, 1)
				go func() { started <- s.Start(context.Background()) }()
				expectStates(t, s, "a starting, w idle, z idle")
				var err error
				switch op {
				case "terminate":
					err = s.TerminateChild(t.Context(), "w")
				case "restart":
					err = s.RestartChild(t.Context(), "w")
				case "delete":
					err = s.DeleteChild(context.Background(), "w")
				case "start child":
					_, err = s.StartChild(t.Context(), c.child(tr, "w"))
				}
				if !errors.Is(err, want.err) {
					t.Errorf("it answers %v; want %v", err, want.err)
				}
				if err := <-started; err != nil {
					t.Fatal(err)
				}
				expectStates(t, s, "a running, w "+want.state+", z running")
				if err := s.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// O2: Terminate drops a temporary child in every state that the child can have.
func TestTerminateDropsATemporaryChild(t *testing.T) {
	for _, tt := range situations() {
		switch tt.name {
		case "running", "starting for the first time", "stopping", "winding up after a failure", "starting, just added":
		default:
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				w := tt.make(c.child(tr, "w"), nil)
				w.Restart = sup.Temporary
				s := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{c.child(tr, "a"), c.child(tr, "z")}})
				if err := s.Start(t.Context()); err != nil {
					t.Fatal(err)
				}
				go s.StartChild(context.Background(), w)
				synctest.Wait()
				if tt.name == "starting, just added" {
					s.TerminateChild(t.Context(), "w")
					go s.StartChild(context.Background(), with(w, forAnHour))
				} else {
					tt.reach(t.Context(), s, c, w)
				}
				synctest.Wait()
				if got := stateOf(s, "w"); got != tt.state {
					t.Fatalf("w is %s, not %s", got, tt.state)
				}
				if err := s.TerminateChild(t.Context(), "w"); err != nil {
					t.Error(err)
				}
				expectStates(t, s, "a running, z running")
				expectCount(t, s, 0)
				if err := s.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
