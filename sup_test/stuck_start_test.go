package sup_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// SEMANTICS, X6 and S5: children whose start has timed out and that do not
// return within the shutdown timeout either.

var choices = []sup.WhenStuck{sup.StuckWait, sup.StuckAbandon, sup.StuckEscalate}

// refusesToStart returns the child w, with ten seconds to start and three to
// stop. The start function of its n-th incarnation does not return until it is
// released. Two concurrent incarnations fail the test unless choice allows
// abandoning.
func refusesToStart(t *testing.T, choice sup.WhenStuck, n int, release chan struct{}) sup.ChildSpec[*fake] {
	return sup.ChildSpec[*fake]{
		ID: "w", StartTimeout: 10 * time.Second, Shutdown: 3 * time.Second, Stuck: choice,
		Start: func(ctx context.Context) (*fake, error) {
			if sup.Incarnation(ctx) == n {
				refuseToReturn(release)
				return nil, errBoom
			}
			if sup.Incarnation(ctx) > n && choice != sup.StuckAbandon {
				select {
				case <-release:
				default:
					t.Error("w runs twice at once")
				}
			}
			return &fake{}, nil
		},
	}
}

// X6, S5: Start returns when the child is stuck. Earlier children have been
// stopped, later ones never begin, and the error lists the stuck child.
// Shutdown waits for it.
func TestStartGivesUpOnAChildThatIsStuck(t *testing.T) {
	for _, choice := range choices {
		t.Run(choice.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr, release := make(controls), new(trace), make(chan struct{})
				s := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{
					c.child(tr, "a"), refusesToStart(t, choice, 1, release), c.child(tr, "z"),
				}})
				began := time.Now()
				err := s.Start(t.Context())
				if took := time.Since(began); took != 13*time.Second || !errors.Is(err, sup.ErrStartTimeout) {
					t.Errorf("Start: %v after %v", err, took)
				}
				if choice == sup.StuckWait {
					if diff := cmp.Diff([]string{"supervisor/w"}, left(t, err)); diff != "" {
						t.Errorf("left (-want +got):\n%s", diff)
					}
				}
				tr.expect(t, "start a, stop a")
				if diff := cmp.Diff([]string{"supervisor/w"}, left(t, within(time.Minute, s))); diff != "" {
					t.Errorf("left (-want +got):\n%s", diff)
				}
				close(release)
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// X6, S5: StartChild returns when the child is stuck. The id is free once the
// child has returned, at once if the child is abandoned, or the supervisor
// fails.
func TestStartChildGivesUpOnAChildThatIsStuck(t *testing.T) {
	for choice, after := range map[sup.WhenStuck]string{sup.StuckWait: "a running, w stuck", sup.StuckAbandon: "a running", sup.StuckEscalate: "a stopped"} {
		t.Run(choice.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr, release := make(controls), new(trace), make(chan struct{})
				s := start(t, sup.Spec[*fake]{Intensity: none, Children: c.good(tr, "a")})
				began := time.Now()
				h, err := s.StartChild(t.Context(), refusesToStart(t, choice, 1, release))
				if took := time.Since(began); took != 13*time.Second {
					t.Errorf("StartChild: %v after %v", err, took)
				}
				if !errors.Is(err, sup.ErrStartTimeout) {
					t.Errorf("StartChild: %v", err)
				}
				if _, ok := h.Get(); ok {
					t.Error("the handle returns a worker")
				}
				expectStates(t, s, after)
				_, err = s.StartChild(t.Context(), sup.ChildSpec[*fake]{ID: "w", Start: makes(fake{})})
				want := map[sup.WhenStuck]error{sup.StuckWait: sup.ErrAlreadyRunning, sup.StuckEscalate: sup.ErrNotRunning}[choice]
				if !errors.Is(err, want) {
					t.Errorf("StartChild again: %v, want %v", err, want)
				}
				if err := s.Err(); (choice == sup.StuckEscalate) != errors.Is(err, sup.ErrStuck) {
					t.Errorf("Err: %v", err)
				}
				if diff := cmp.Diff([]string{"supervisor/w"}, left(t, within(time.Minute, s))); diff != "" {
					t.Errorf("left (-want +got):\n%s", diff)
				}
				close(release)
			})
		})
	}
}

// X6, S5: An operator's Restart returns when the child is stuck, and leaves the
// child stopped once it has returned.
func TestRestartGivesUpOnAChildThatIsStuck(t *testing.T) {
	for choice, after := range map[sup.WhenStuck][2]string{
		sup.StuckWait: {"w stuck", "w stopped"}, sup.StuckAbandon: {"w stopped", "w stopped"}, sup.StuckEscalate: {"w stopped", "w stopped"},
	} {
		t.Run(choice.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				release := make(chan struct{})
				s := start(t, sup.Spec[*fake]{Intensity: none, Children: []sup.ChildSpec[*fake]{refusesToStart(t, choice, 2, release)}})
				if err := s.TerminateChild(t.Context(), "w"); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				err := s.RestartChild(t.Context(), "w")
				if took := time.Since(began); took != 13*time.Second || !errors.Is(err, sup.ErrStartTimeout) {
					t.Errorf("Restart: %v after %v", err, took)
				}
				expectStates(t, s, after[0])
				if err := s.Err(); (choice == sup.StuckEscalate) != errors.Is(err, sup.ErrStuck) {
					t.Errorf("Err: %v", err)
				}
				close(release)
				expectStates(t, s, after[1])
				err = s.RestartChild(t.Context(), "w")
				if want := map[sup.WhenStuck]error{sup.StuckEscalate: sup.ErrNotRunning}[choice]; !errors.Is(err, want) {
					t.Errorf("Restart again: %v", err)
				}
			})
		})
	}
}

// X6, S5: A stuck restart is a failed attempt, counted once. The next attempt
// begins when the stuck one has returned, or beside it, or the supervisor
// fails. This holds under one_for_one and in a round.
func TestAStuckRestartIsAFailedAttempt(t *testing.T) {
	for _, choice := range choices {
		t.Run(choice.String(), func(t *testing.T) {
			eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
				c, release := make(controls), make(chan struct{})
				w := refusesToStart(t, choice, 2, release)
				make := w.Start
				w.Start = func(ctx context.Context) (*fake, error) {
					if sup.Incarnation(ctx) == 1 {
						return &fake{run: func(context.Context) error { return <-c["w"] }}, nil
					}
					return make(ctx)
				}
				c.of("w")
				s := start(t, sup.Spec[*fake]{
					Strategy: strategy, Intensity: ample,
					Children: []sup.ChildSpec[*fake]{{ID: "a", Start: makes(fake{})}, w, {ID: "z", Start: makes(fake{})}},
				})
				c.die("w", errBoom)
				time.Sleep(13*time.Second - 1)
				if i := info(t, s, "w"); i.State != sup.StateStopping || i.Incarnation != 2 {
					t.Errorf("before the timeout: %+v", i)
				}
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				i := info(t, s, "w")
				switch choice {
				case sup.StuckWait:
					if i.State != sup.StateStuck || i.Incarnation != 2 || !strings.Contains(i.Stack, "refuseToReturn") {
						t.Errorf("%+v", i)
					}
				case sup.StuckAbandon:
					if i.State != sup.StateRunning || i.Incarnation != 3 || !errors.Is(i.LastExit.Err, sup.ErrStuck) || !errors.Is(i.LastExit.Err, sup.ErrStartTimeout) {
						t.Errorf("%+v", i)
					}
				case sup.StuckEscalate:
					if err := s.Err(); !errors.Is(err, sup.ErrStuck) || !errors.Is(err, sup.ErrStartTimeout) {
						t.Errorf("Err: %v", err)
					}
					close(release)
					return
				}
				close(release)
				expectStates(t, s, "a running, w running, z running")
				if i := info(t, s, "w"); i.Incarnation != 3 {
					t.Errorf("%+v", i)
				}
				expectCount(t, s, 2)
			})
		})
	}
}

// B1, B3, X6: The backoff of a child whose restart in a round was stuck runs
// from that moment. The round continues when the backoff has ended and the
// child has returned.
func TestTheBackoffOfAChildStuckInARoundIsKept(t *testing.T) {
	for gone, again := range map[time.Duration]time.Duration{ // both since the child was stuck
		time.Second: time.Minute, 2 * time.Minute: 2 * time.Minute,
	} {
		t.Run(gone.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, release := make(controls), make(chan struct{})
				w := refusesToStart(t, sup.StuckWait, 2, release)
				make := w.Start
				w.Start = func(ctx context.Context) (*fake, error) {
					if sup.Incarnation(ctx) == 1 {
						return &fake{run: func(context.Context) error { return <-c["w"] }}, nil
					}
					return make(ctx)
				}
				w.Backoff = sup.Backoff{Min: time.Minute, Factor: 1}
				c.of("w")
				s := start(t, sup.Spec[*fake]{Strategy: sup.OneForAll, Intensity: ample, Children: []sup.ChildSpec[*fake]{w}})
				c.die("w", errBoom)
				time.Sleep(time.Minute + 13*time.Second)
				expectStates(t, s, "w stuck")
				stuck := time.Now()
				time.AfterFunc(gone, func() { close(release) })
				if _, err := s.Child("w").Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				if after := time.Since(stuck); after != again {
					t.Errorf("the child was restarted after %v, want %v", after, again)
				}
			})
		})
	}
}
