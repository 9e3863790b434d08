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

func TestADeliveryFailsByItselfAndIsInterruptedByAStop(t *testing.T) {
	unhealthy := &sup.UnhealthyError{Silent: time.Minute, Limit: time.Second}
	panicked := &sup.PanicError{Value: errBoom}
	stop := func(reason sup.StopReason, err error) context.Context {
		return endedContext(&sup.StopError{Reason: reason, Path: "root/sibling", Err: err})
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	late, cancel := context.WithTimeout(context.Background(), -time.Second)
	defer cancel()
	derived, cancel := context.WithCancel(stop(sup.ReasonRound, errBoom))
	defer cancel()
	hung, cancel := context.WithCancel(endedContext(unhealthy))
	defer cancel()
	going := context.Background()
	driver := errors.New("pq: canceling statement due to user request")
	for name, tt := range map[string]struct {
		ctx    context.Context
		reason error
		want   string
	}{
		"nil":                                  {going, nil, "done"},
		"nil after a stop":                     {stop(sup.ReasonShutdown, nil), nil, "done"},
		"nil after the watchdog":               {hung, nil, "done"},
		"an error":                             {going, errBoom, "failed"},
		"an error that looks like a stop":      {going, context.Canceled, "failed"},
		"an error that is one of a stop":       {going, &sup.StopError{Reason: sup.ReasonOperator}, "failed"},
		"a panic":                              {going, panicked, "failed"},
		"a Goexit":                             {going, sup.ErrGoexit, "failed"},
		"a shutdown":                           {stop(sup.ReasonShutdown, nil), context.Canceled, "interrupted"},
		"a round":                              {stop(sup.ReasonRound, errBoom), context.Canceled, "interrupted"},
		"a round, in the driver's words":       {stop(sup.ReasonRound, errBoom), driver, "interrupted"},
		"a round for an unhealthy sibling":     {stop(sup.ReasonRound, unhealthy), context.Canceled, "interrupted"},
		"a round for a sibling that panicked":  {stop(sup.ReasonRound, panicked), context.Canceled, "interrupted"},
		"an operator":                          {stop(sup.ReasonOperator, nil), context.Canceled, "interrupted"},
		"the worker's Run has returned":        {stop(sup.ReasonReturn, nil), context.Canceled, "interrupted"},
		"a context below one that was stopped": {derived, context.Canceled, "interrupted"},
		"a failure elsewhere in the worker":    {endedContext(errBoom), errBoom, "interrupted"},
		"a panic elsewhere in the worker":      {endedContext(panicked), fmt.Errorf("reading: %w", panicked), "interrupted"},
		"a context of the worker's own":        {ended, context.Canceled, "interrupted"},
		"a deadline of the worker's own":       {late, context.DeadlineExceeded, "interrupted"},
		"the watchdog":                         {endedContext(unhealthy), context.Canceled, "failed"},
		"the watchdog, in a context below":     {hung, driver, "failed"},
		"a panic after a stop":                 {stop(sup.ReasonShutdown, nil), panicked, "failed"},
		"a Goexit after a stop":                {stop(sup.ReasonShutdown, nil), sup.ErrGoexit, "failed"},
	} {
		if got := mailbox.Outcome(tt.ctx, tt.reason); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// buried is the policy under which nothing may become a dead letter.
func buried(t *testing.T) mailbox.Policy[string] {
	return mailbox.Policy[string]{Deliveries: 1, DeadLetter: func(_ context.Context, l mailbox.DeadLetter[string]) error {
		t.Errorf("%s is a dead letter after %d deliveries: %v", l.Message, l.Deliveries, l.Reason)
		return nil
	}}
}

// long is a function of Process that takes an hour, and heeds its context.
func long(j *journal) func(context.Context, string) error {
	return func(ctx context.Context, m string) error {
		select {
		case <-time.After(time.Hour):
			j.add(m)
			return nil
		case <-ctx.Done():
			return fmt.Errorf("working on %s: %w", m, ctx.Err())
		}
	}
}

func TestAnInterruptedMessageIsNoDeadLetter(t *testing.T) {
	const times = 10
	for way, interrupt := range map[string]func(t *testing.T, s *sup.Supervisor[*suptest.Worker], sibling chan error){
		"a round": func(_ *testing.T, _ *sup.Supervisor[*suptest.Worker], sibling chan error) { sibling <- errBoom },
		"an operator": func(t *testing.T, s *sup.Supervisor[*suptest.Worker], _ chan error) {
			wantError(t, "Terminate", s.TerminateChild(t.Context(), "w"), nil)
			wantError(t, "Restart", s.RestartChild(t.Context(), "w"), nil)
		},
		"a shutdown": func(t *testing.T, s *sup.Supervisor[*suptest.Worker], _ chan error) {
			wantError(t, "Shutdown", s.Shutdown(t.Context()), nil)
			wantError(t, "Start", s.Start(t.Context()), nil)
		},
	} {
		t.Run(way, func(t *testing.T) {
			suptest.Run(t, func(t *testing.T) {
				var b mailbox.Mailbox[string]
				var j journal
				sibling := make(chan error)
				worker := func(run func(ctx context.Context) error) func(context.Context) (*suptest.Worker, error) {
					return func(context.Context) (*suptest.Worker, error) { return &suptest.Worker{OnRun: run}, nil }
				}
				s := suptest.Start(t, sup.Spec[*suptest.Worker]{Strategy: sup.OneForAll, Intensity: sup.Unlimited, Children: []sup.ChildSpec[*suptest.Worker]{
					{ID: "sibling", Start: worker(func(ctx context.Context) error {
						select {
						case err := <-sibling:
							return err
						case <-ctx.Done():
							return ctx.Err()
						}
					})},
					{ID: "w", Start: worker(func(ctx context.Context) error { return b.Process(ctx, long(&j), buried(t)) })},
				}})
				fill(t, &b, "long", "next")
				for range times {
					time.Sleep(time.Minute)
					interrupt(t, s, sibling)
					synctest.Wait()
				}
				time.Sleep(3 * time.Hour)
				j.expect(t, "long", "next")
			})
		})
	}
}

// A reader that fails takes the others of its worker with it.
func TestAMessageIsNotChargedWithAnotherOfTheSameWorker(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[string]
		var j journal
		serve(t, sup.ChildSpec[*suptest.Worker]{}, func(ctx context.Context) error {
			for range 2 {
				err := sup.Go(ctx, func(ctx context.Context) error {
					return b.Process(ctx, func(ctx context.Context, m string) error {
						if m == "poison" {
							time.Sleep(time.Second)
							return errBoom
						}
						return long(&j)(ctx, m)
					}, mailbox.Policy[string]{Deliveries: 3, DeadLetter: func(_ context.Context, l mailbox.DeadLetter[string]) error {
						j.add("dead:", l.Message)
						return nil
					}})
				})
				wantError(t, "Go", err, nil)
			}
			<-ctx.Done()
			return ctx.Err()
		})
		fill(t, &b, "long", "poison")
		time.Sleep(3 * time.Hour)
		j.expect(t, "dead: poison", "long")
	})
}

func TestAMessageThatHangsItsWorkerIsADeadLetter(t *testing.T) {
	for _, stuck := range []sup.WhenStuck{sup.StuckWait, sup.StuckAbandon} {
		t.Run(stuck.String(), func(t *testing.T) {
			suptest.Run(t, func(t *testing.T) {
				var b mailbox.Mailbox[string]
				var j journal
				release := make(chan struct{})
				serve(t, sup.ChildSpec[*suptest.Worker]{Watchdog: time.Minute, Stuck: stuck, Shutdown: time.Second}, func(ctx context.Context) error {
					return b.Process(ctx, func(ctx context.Context, m string) error {
						j.add(m)
						switch {
						case m != "hangs":
						case stuck == sup.StuckAbandon:
							<-release
						default:
							<-ctx.Done()
							return context.Cause(ctx)
						}
						return nil
					}, mailbox.Policy[string]{Deliveries: 2, Beat: time.Second, DeadLetter: func(_ context.Context, l mailbox.DeadLetter[string]) error {
						j.add(fmt.Sprintf("dead: %s %d", l.Message, l.Deliveries))
						wantError(t, "the reason", l.Reason, sup.ErrUnhealthy)
						return nil
					}})
				})
				fill(t, &b, "hangs", "next")
				time.Sleep(time.Hour)
				j.expect(t, "hangs", "hangs", "dead: hangs 2", "next")
				close(release)
				synctest.Wait()
			})
		})
	}
}

// A worker that does not heed a stop is replaced: its message is handed over, and
// has not failed.
func TestAMessageThatIsHandedOverIsNoDeadLetter(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[string]
		var j journal
		const times = 5
		release := make(chan struct{})
		s := serve(t, sup.ChildSpec[*suptest.Worker]{Stuck: sup.StuckAbandon, Shutdown: time.Second}, func(ctx context.Context) error {
			return b.Process(ctx, func(_ context.Context, m string) error {
				n := sup.Incarnation(ctx)
				j.add(fmt.Sprintf("#%d %s", n, m))
				if n <= times {
					<-release
				}
				return nil
			}, buried(t))
		})
		fill(t, &b, "deaf")
		var want []string
		for n := range times {
			synctest.Wait()
			wantError(t, "Terminate", s.TerminateChild(t.Context(), "w"), sup.ErrStuck)
			wantError(t, "Restart", s.RestartChild(t.Context(), "w"), nil)
			want = append(want, fmt.Sprintf("#%d deaf", n+1))
		}
		j.expect(t, append(want, fmt.Sprintf("#%d deaf", times+1))...)
		close(release)
		synctest.Wait()
		wantRest(t, &b)
	})
}

// What the package comment says of poison messages and the default intensity.
func TestOnePoisonMessageIsWithinTheDefaultIntensityAndTwoAreNot(t *testing.T) {
	for _, poison := range []int{1, 2} {
		suptest.Run(t, func(t *testing.T) {
			var b mailbox.Mailbox[int]
			for n := range poison {
				fill(t, &b, n)
			}
			s := sup.New(sup.Spec[*suptest.Worker]{Children: []sup.ChildSpec[*suptest.Worker]{{ID: "w",
				Start: func(context.Context) (*suptest.Worker, error) {
					return &suptest.Worker{OnRun: func(ctx context.Context) error {
						return b.Process(ctx, func(context.Context, int) error { return errBoom },
							mailbox.Policy[int]{DeadLetter: func(context.Context, mailbox.DeadLetter[int]) error { return nil }})
					}}, nil
				}}}})
			wantError(t, "Start", s.Start(t.Context()), nil)
			time.Sleep(time.Hour)
			want := error(nil)
			if poison > 1 {
				want = sup.ErrIntensity
			}
			wantError(t, fmt.Sprintf("Err after %d poison messages", poison), s.Err(), want)
			wantError(t, "Shutdown", s.Shutdown(t.Context()), nil)
		})
	}
}
