package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/mailbox"
	"github.com/espalier-go/espalier/sup/suptest"
)

// serve starts a supervisor of one child, w, whose Run is run.
func serve(t *testing.T, spec sup.ChildSpec[*suptest.Worker], run func(ctx context.Context) error) *sup.Supervisor[*suptest.Worker] {
	t.Helper()
	spec.ID = "w"
	spec.Start = func(context.Context) (*suptest.Worker, error) { return &suptest.Worker{OnRun: run}, nil }
	return suptest.Start(t, sup.Spec[*suptest.Worker]{Children: []sup.ChildSpec[*suptest.Worker]{spec}})
}

func TestTheNextIncarnationGetsTheMessageFirst(t *testing.T) {
	for way, fail := range ways {
		if way == "stopped" {
			continue // see the next test
		}
		t.Run(way, func(t *testing.T) {
			suptest.Run(t, func(t *testing.T) {
				var b mailbox.Mailbox[string]
				var j journal
				serve(t, sup.ChildSpec[*suptest.Worker]{}, func(ctx context.Context) error {
					return b.Process(ctx, func(ctx context.Context, m string) error {
						j.add(fmt.Sprintf("#%d %s", sup.Incarnation(ctx), m))
						if m == "fatal" || m == "unlucky" && sup.Incarnation(ctx) == 1 {
							return fail(ctx)
						}
						return nil
					}, mailbox.Policy[string]{Deliveries: 2, DeadLetter: func(ctx context.Context, l mailbox.DeadLetter[string]) error {
						j.add(fmt.Sprintf("#%d dead: %s", sup.Incarnation(ctx), l.Message))
						return nil
					}})
				})
				fill(t, &b, "first", "unlucky", "fatal", "last")
				j.expect(t, "#1 first", "#1 unlucky", "#2 unlucky", "#2 fatal", "#3 fatal", "#4 dead: fatal", "#4 last")
			})
		})
	}
}

func TestAMessageSurvivesAStopInTheMiddle(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[string]
		var j journal
		s := serve(t, sup.ChildSpec[*suptest.Worker]{}, func(ctx context.Context) error {
			return b.Process(ctx, func(ctx context.Context, m string) error {
				if sup.Incarnation(ctx) == 1 {
					<-ctx.Done()
					return ctx.Err()
				}
				j.add(m)
				return nil
			}, mailbox.Policy[string]{})
		})
		fill(t, &b, "a", "b")
		synctest.Wait()
		wantError(t, "Terminate", s.TerminateChild(t.Context(), "w"), nil)
		if last := s.Children()[0].LastExit; last.Kind != sup.ExitShutdown {
			t.Errorf("the exit is %v", last)
		}
		j.expect(t)
		wantError(t, "Restart", s.RestartChild(t.Context(), "w"), nil)
		j.expect(t, "a", "b")
		wantError(t, "Terminate", s.TerminateChild(t.Context(), "w"), nil)
		if last := s.Children()[0].LastExit; last.Kind != sup.ExitShutdown {
			t.Errorf("the exit of one that waited is %v", last)
		}
	})
}

func TestWhatAWorkerFinishesWhileItStopsIsDone(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[string]
		s := serve(t, sup.ChildSpec[*suptest.Worker]{}, func(ctx context.Context) error {
			return b.Process(ctx, func(context.Context, string) error {
				time.Sleep(time.Second)
				return nil
			}, mailbox.Policy[string]{})
		})
		fill(t, &b, "a", "b")
		synctest.Wait()
		wantError(t, "Terminate", s.TerminateChild(t.Context(), "w"), nil)
		wantRest(t, &b, "b")
	})
}

func TestTheReplacementOfAnAbandonedWorkerTakesItsMessageOver(t *testing.T) {
	for _, later := range []error{nil, errBoom} {
		t.Run(fmt.Sprintf("which then returns %v", later), func(t *testing.T) {
			suptest.Run(t, func(t *testing.T) {
				var b mailbox.Mailbox[string]
				var j journal
				release := make(chan struct{})
				stuck := map[string]bool{"hangs": true, "kills": true}
				s := serve(t, sup.ChildSpec[*suptest.Worker]{Stuck: sup.StuckAbandon, Shutdown: time.Second}, func(ctx context.Context) error {
					n := sup.Incarnation(ctx)
					err := b.Process(ctx, func(ctx context.Context, m string) error {
						j.add(fmt.Sprintf("#%d %s", n, m))
						if n == 1 && stuck[m] {
							<-release
							return later
						}
						return nil
					}, mailbox.Policy[string]{})
					j.add(fmt.Sprintf("#%d returned", n))
					return err
				})
				fill(t, &b, "hangs", "next")
				synctest.Wait()
				if err := s.TerminateChild(t.Context(), "w"); !errors.Is(err, sup.ErrStuck) {
					t.Fatalf("Terminate: %v", err)
				}
				wantError(t, "Restart", s.RestartChild(t.Context(), "w"), nil)
				j.expect(t, "#1 hangs", "#2 hangs", "#2 next")
				close(release)
				j.expect(t, "#1 returned")
				wantRest(t, &b)
			})
		})
	}
}

func TestTheReplacementOfAnAbandonedWorkerBuriesWhatItWasBurying(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[string]
		release := make(chan struct{})
		var j journal
		s := serve(t, sup.ChildSpec[*suptest.Worker]{Stuck: sup.StuckAbandon, Shutdown: time.Second}, func(ctx context.Context) error {
			return b.Process(ctx, func(context.Context, string) error { return errBoom }, mailbox.Policy[string]{
				Deliveries: 1,
				DeadLetter: func(_ context.Context, l mailbox.DeadLetter[string]) error {
					j.add(fmt.Sprintf("#%d %s: %v", sup.Incarnation(ctx), l.Message, l.Reason))
					if sup.Incarnation(ctx) == 2 {
						<-release
					}
					return nil
				},
			})
		})
		fill(t, &b, "a")
		synctest.Wait()
		wantError(t, "Terminate", s.TerminateChild(t.Context(), "w"), sup.ErrStuck)
		wantError(t, "Restart", s.RestartChild(t.Context(), "w"), nil)
		j.expect(t, "#2 a: boom", "#3 a: boom")
		close(release)
	})
}

// A replica that comes up while another is still busy does not take that one's
// message.
func TestOnlyTheReplacementTakesOver(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[string]
		var j journal
		s := suptest.Start(t, sup.Spec[*suptest.Worker]{Children: []sup.ChildSpec[*suptest.Worker]{
			{ID: "slow", Start: func(context.Context) (*suptest.Worker, error) {
				return &suptest.Worker{OnRun: func(ctx context.Context) error {
					return b.Process(ctx, func(_ context.Context, m string) error {
						time.Sleep(3 * time.Second)
						j.add("slow:", m)
						return nil
					}, mailbox.Policy[string]{})
				}}, nil
			}},
		}})
		fill(t, &b, "a")
		synctest.Wait()
		go func() { wantError(t, "Terminate", s.TerminateChild(t.Context(), "slow"), nil) }()
		synctest.Wait()
		_, err := s.StartChild(t.Context(), sup.ChildSpec[*suptest.Worker]{ID: "other",
			Start: func(context.Context) (*suptest.Worker, error) {
				return &suptest.Worker{OnRun: func(ctx context.Context) error {
					return b.Process(ctx, func(_ context.Context, m string) error { j.add("other:", m); return nil },
						mailbox.Policy[string]{})
				}}, nil
			}})
		wantError(t, "StartChild", err, nil)
		fill(t, &b, "b")
		j.expect(t, "other: b")
		time.Sleep(5 * time.Second)
		j.expect(t, "slow: a")
	})
}

func TestAWorkerThatWaitsForMessagesSatisfiesItsWatchdog(t *testing.T) {
	for _, beat := range []time.Duration{0, time.Second} {
		t.Run(fmt.Sprint("beat ", beat), func(t *testing.T) {
			suptest.Run(t, func(t *testing.T) {
				var b mailbox.Mailbox[time.Duration]
				s := serve(t, sup.ChildSpec[*suptest.Worker]{Watchdog: 3 * time.Second, Restart: sup.Transient, Budget: sup.Intensity{Within: time.Hour}},
					func(ctx context.Context) error {
						return b.Process(ctx, func(_ context.Context, d time.Duration) error { time.Sleep(d); return nil },
							mailbox.Policy[time.Duration]{Beat: beat})
					})
				healthy := func() bool { synctest.Wait(); return s.Children()[0].State == sup.StateRunning }
				time.Sleep(time.Hour)
				if healthy() != (beat > 0) {
					t.Errorf("idle: %v", s.Children()[0])
				}
				if beat == 0 {
					return
				}
				fill(t, &b, 2500*time.Millisecond, 2500*time.Millisecond)
				time.Sleep(time.Minute)
				if !healthy() {
					t.Errorf("busy: %v", s.Children()[0])
				}
				fill(t, &b, time.Hour)
				time.Sleep(time.Minute)
				if healthy() {
					t.Error("a function that hangs passes for healthy")
				}
				time.Sleep(time.Hour)
			})
		})
	}
}

func TestMessagesSurviveASupervisorThatGaveUp(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[int]
		var j journal
		fatal := true
		spec := sup.Spec[*suptest.Worker]{
			Intensity: sup.Intensity{Restarts: 1, Within: time.Second},
			Children: []sup.ChildSpec[*suptest.Worker]{{ID: "w", Start: func(context.Context) (*suptest.Worker, error) {
				return &suptest.Worker{OnRun: func(ctx context.Context) error {
					return b.Process(ctx, func(_ context.Context, m int) error {
						j.add(fmt.Sprint(m))
						if fatal {
							return errBoom
						}
						return nil
					}, mailbox.Policy[int]{Deliveries: 3})
				}}, nil
			}}},
		}
		fill(t, &b, 1, 2, 3)
		s := sup.New(spec)
		wantError(t, "Run", s.Run(t.Context()), sup.ErrIntensity)
		j.expect(t, "1", "1")
		fatal = false
		suptest.Start(t, spec)
		j.expect(t, "1", "2", "3")
	})
}
