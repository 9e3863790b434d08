package sup_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
)

var errLease = errors.New("the lease is lost")

// X7, A1, I2: Log and event say how a supervisor has ended: by Shutdown, with its
// significant children, by giving up, or with its context. In the last case they say
// whether the context was cancelled or its deadline passed, and with which cause.
func TestLogAndEventSayHowASupervisorHasEnded(t *testing.T) {
	ignore := func() {}
	for name, tt := range map[string]struct {
		life func(ctx context.Context) (context.Context, func())
		end  func(t *testing.T, s *sup.Supervisor[*fake])
		run  func(ctx context.Context) error
		kind sup.ExitKind
		is   error
		want string
	}{
		"Shutdown": {
			end:  func(t *testing.T, s *sup.Supervisor[*fake]) { _ = s.Shutdown(t.Context()) },
			kind: sup.ExitShutdown, is: sup.ErrShutdown,
			want: `exit=shutdown err="call of Shutdown"`,
		},
		"the significant child": {
			run:  func(context.Context) error { return nil },
			kind: sup.ExitNormal,
			want: `exit=normal`,
		},
		"the supervisor gave up": {
			run:  func(context.Context) error { return errBoom },
			kind: sup.ExitAbnormal, is: sup.ErrIntensity,
			want: `exit=abnormal err="supervisor: more than 1 restart in 1ns; last: supervisor/w, abnormal: boom"`,
		},
		"the context was cancelled": {
			life: func(ctx context.Context) (context.Context, func()) { return context.WithCancel(ctx) },
			kind: sup.ExitShutdown, is: context.Canceled,
			want: `exit=shutdown err="cancellation of the supervisor's context"`,
		},
		"the context was cancelled, with a cause": {
			life: func(ctx context.Context) (context.Context, func()) {
				ctx, cancel := context.WithCancelCause(ctx)
				return ctx, func() { cancel(errLease) }
			},
			kind: sup.ExitShutdown, is: errLease,
			want: `exit=shutdown err="cancellation of the supervisor's context: the lease is lost"`,
		},
		"the deadline ran out": {
			life: func(ctx context.Context) (context.Context, func()) {
				ctx, cancel := context.WithTimeout(ctx, time.Hour)
				return ctx, func() { <-ctx.Done(); cancel() }
			},
			kind: sup.ExitShutdown, is: context.DeadlineExceeded,
			want: `exit=shutdown err="deadline of the supervisor's context"`,
		},
		"the deadline ran out, with a cause": {
			life: func(ctx context.Context) (context.Context, func()) {
				ctx, cancel := context.WithTimeoutCause(ctx, time.Hour, errLease)
				return ctx, func() { <-ctx.Done(); cancel() }
			},
			kind: sup.ExitShutdown, is: errLease,
			want: `exit=shutdown err="deadline of the supervisor's context: the lease is lost"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				var log bytes.Buffer
				child := significant(sup.Transient, sup.ChildSpec[*fake]{Start: makes(fake{run: tt.run})})
				spec := lone(child)
				spec.AutoShutdown = sup.AutoShutdownAnySignificant
				spec.Intensity = sup.Intensity{Restarts: 1, Within: 1}
				spec.Observers = []sup.Observer{sup.Log(slog.New(slog.NewTextHandler(&log, nil)))}
				ctx, cancel := t.Context(), ignore
				if tt.life != nil {
					ctx, cancel = tt.life(ctx)
				}
				s, err := sup.Start(ctx, spec)
				if err != nil {
					t.Fatal(err)
				}
				if exit := s.Ended(); tt.run == nil && exit != (sup.Exit{}) {
					t.Errorf("Ended is %v while the supervisor is up", exit)
				}
				if tt.end != nil {
					tt.end(t, s)
				}
				cancel()
				<-s.Ending()
				if exit := s.Ended(); exit.Kind != tt.kind || !errors.Is(exit.Err, tt.is) || (s.Err() != nil) != (tt.kind == sup.ExitAbnormal) {
					t.Errorf("Ended is %v, and Err %v", exit, s.Err())
				}
				<-s.Done()
				for what, err := range map[string]error{"cancelled": context.Canceled, "deadline": context.DeadlineExceeded} {
					if got := errors.Is(s.Ended().Err, err); got != strings.Contains(name, what) {
						t.Errorf("Ended wraps %v: %v", err, got)
					}
				}
				events := onRecord(s)
				last := events[len(events)-1]
				if last.Kind != sup.SupervisorStopped || last.Exit.Kind != tt.kind || !errors.Is(last.Exit.Err, tt.is) {
					t.Errorf("the last event is %v: %v", last.Kind, last.Exit)
				}
				lines := strings.Split(strings.TrimSpace(log.String()), "\n")
				if line := lines[len(lines)-1]; !strings.HasSuffix(line, tt.want) || !strings.Contains(line, `msg="supervisor stopped"`) {
					t.Errorf("the log ends with %s\nwant %s", line, tt.want)
				}
			})
		})
	}
}

// X4: A Shutdown before the start ends the supervisor. A later start begins anew.
func TestAShutdownBeforeTheStartEndsTheSupervisor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := sup.New(lone(make(controls).child(new(trace), "w")))
		if exit := s.Ended(); exit != (sup.Exit{}) {
			t.Errorf("before the start, Ended is %v", exit)
		}
		_ = s.Shutdown(t.Context())
		if exit := s.Ended(); exit.Kind != sup.ExitShutdown || !errors.Is(exit.Err, sup.ErrShutdown) {
			t.Errorf("after Shutdown, Ended is %v", exit)
		}
		if err := s.Start(t.Context()); !errors.Is(err, sup.ErrShuttingDown) {
			t.Errorf("%v; want ErrShuttingDown", err)
		}
		if exit := s.Ended(); exit != (sup.Exit{}) {
			t.Errorf("after a start that was called off, Ended is %v", exit)
		}
	})
}

// X1, N1: A nested supervisor ends with its parent and knows its path.
func TestANestedSupervisorHasAPathAndEndsWithItsParent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		below := sup.New(sup.Spec[*fake]{Name: "own", Children: make(controls).good(new(trace), "w")})
		if path := below.Path(); path != "own" {
			t.Errorf("path %q before the start", path)
		}
		s, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Name: "top", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "a/b", Start: func(context.Context) (sup.Worker, error) { return below, nil }},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if top, path := s.Path(), below.Path(); top != "top" || path != "top/a%2Fb" {
			t.Errorf("the paths are %q and %q", top, path)
		}
		_ = s.Shutdown(t.Context())
		exit := below.Ended()
		if stop, ok := exit.Err.(*sup.StopError); exit.Kind != sup.ExitShutdown || !ok || stop.Reason != sup.ReasonShutdown {
			t.Errorf("exit %v", exit)
		}
	})
}
