package suptest_test

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/suptest"
)

// feed is a fake of the type that the tree needs.
type feed struct {
	suptest.Worker
	symbol string
}

func TestAWorkerReturnsAndHangsOnCommand(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		acme := &feed{symbol: "ACME"}
		acme.Beats = time.Second
		events := new(suptest.Recorder)
		s := suptest.Start(t, sup.Spec[*feed]{
			Name:      "feeds",
			Observers: []sup.Observer{events},
			Children: []sup.ChildSpec[*feed]{{
				ID:       "ACME",
				Start:    func(context.Context) (*feed, error) { return acme, nil },
				Restart:  sup.Transient,
				Watchdog: 3 * time.Second,
			}},
		})
		time.Sleep(time.Hour) // of virtual time, in which it beats
		events.ExpectExactly(t, "child starting ACME", "child ready ACME", "supervisor started feeds")

		release := acme.Hang()
		events.Expect(t, "child stuck ACME")
		release()
		events.Expect(t, "child exited ACME: abnormal", "child ready ACME #2")

		acme.Return(nil)
		events.ExpectExactly(t, "child exited ACME: normal", "child stopped ACME")
		if _, ok := s.Child("ACME").Get(); ok {
			t.Error("it is live")
		}
	})
}

func TestTheHooksOfAWorkerReplaceItsMethods(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var calls []string
		w := &suptest.Worker{
			OnInitialize: func(context.Context) error { calls = append(calls, "initialize"); return nil },
			OnRun:        func(context.Context) error { calls = append(calls, "run"); return nil },
			OnTerminate: func(_ context.Context, exit sup.Exit) error {
				calls = append(calls, "terminate "+exit.String())
				return nil
			},
		}
		suptest.Start(t, sup.Spec[*suptest.Worker]{Children: []sup.ChildSpec[*suptest.Worker]{{
			ID: "fake", Restart: sup.Transient,
			Start: func(context.Context) (*suptest.Worker, error) { return w, nil },
		}}})
		synctest.Wait()
		if diff := cmp.Diff([]string{"initialize", "run", "terminate normal"}, calls); diff != "" {
			t.Errorf("calls (-want +got):\n%s", diff)
		}
	})
}

func TestTheTestHasSettledWhenExpectReturns(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events := suptest.NewFaults(t), new(suptest.Recorder)
		busy := &suptest.Worker{OnInitialize: func(context.Context) error {
			for range 10_000 { // other goroutines run, and no virtual time passes
				runtime.Gosched()
			}
			return nil
		}}
		s := suptest.Start(t, suptest.Inject(faults, sup.Spec[*suptest.Worker]{
			Observers: []sup.Observer{events},
			Children: []sup.ChildSpec[*suptest.Worker]{{
				ID: "busy", Backoff: sup.Backoff{Min: time.Second},
				Start: func(context.Context) (*suptest.Worker, error) { return busy, nil },
			}},
		}))
		faults.Crash("busy", errLost)
		events.Expect(t, "child starting busy #2")
		if _, ok := s.Child("busy").Get(); !ok {
			t.Error("it is not ready")
		}
	})
}
