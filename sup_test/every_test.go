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

// every starts a supervisor with a ticker, and returns a function that waits and returns
// the times of the calls so far.
func every(t *testing.T, c sup.ChildSpec[sup.Worker], interval time.Duration, f func(ctx context.Context) error) (s *sup.Supervisor[sup.Worker], calls func(after time.Duration) string) {
	t.Helper()
	began := time.Now()
	var at []string
	c.ID = "tick"
	c.Start = sup.Every(interval, func(ctx context.Context) error {
		at = append(at, fmt.Sprint(time.Since(began)))
		return f(ctx)
	})
	s = start(t, sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{c}})
	return s, func(after time.Duration) string {
		time.Sleep(after)
		synctest.Wait()
		return strings.Join(at, " ")
	}
}

func TestEveryCallsItsFunctionOnceInEachInterval(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, calls := every(t, sup.ChildSpec[sup.Worker]{Watchdog: 2 * time.Minute}, time.Minute, func(context.Context) error { return nil })
		if got := calls(210 * time.Second); got != "1m0s 2m0s 3m0s" {
			t.Errorf("calls at %s", got)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if info := s.Children()[0]; info.LastExit.Kind != sup.ExitShutdown || info.Incarnation != 1 {
			t.Errorf("%+v", info)
		}
		if got := calls(time.Hour); got != "1m0s 2m0s 3m0s" {
			t.Errorf("calls at %s after the stop", got)
		}
	})
}

func TestEverySkipsTheCallsThatASlowOneMisses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, calls := every(t, sup.ChildSpec[sup.Worker]{}, time.Minute, func(context.Context) error {
			time.Sleep(150 * time.Second)
			return nil
		})
		// The tick that falls due during a call is made up for by the next, the others are not.
		if got := calls(7 * time.Minute); got != "1m0s 3m30s 6m0s" {
			t.Errorf("calls at %s", got)
		}
	})
}

func TestEveryIsRestartedAfterAnErrorOrAPanicAndWaitsAgain(t *testing.T) {
	for name, fail := range map[string]func(context.Context) error{
		"error": func(context.Context) error { return errBoom },
		"panic": func(context.Context) error { panic(errBoom) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s, calls := every(t, sup.ChildSpec[sup.Worker]{}, 10*time.Second, fail)
				if got := calls(25 * time.Second); got != "10s 20s" {
					t.Errorf("calls at %s", got)
				}
				if c := s.Children()[0]; c.Restarts != 2 || !errors.Is(c.LastExit.Err, errBoom) {
					t.Errorf("%d restarts, %v", c.Restarts, c.LastExit)
				}
			})
		})
	}
}

func TestEveryEndsATransientChildWithShutdown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, calls := every(t, sup.ChildSpec[sup.Worker]{Restart: sup.Transient}, time.Minute, func(context.Context) error { return sup.ErrShutdown })
		if got := calls(time.Hour); got != "1m0s" {
			t.Errorf("calls at %s", got)
		}
		if got := states(s); got != "tick stopped" {
			t.Error(got)
		}
	})
}

func TestEveryGivesItsFunctionTheContextOfTheWorker(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s, calls := every(t, sup.ChildSpec[sup.Worker]{}, time.Minute, func(ctx context.Context) error {
			if sup.Path(ctx) != "supervisor/tick" {
				t.Error(sup.Path(ctx))
			}
			<-ctx.Done()
			return nil
		})
		calls(2 * time.Minute)
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if exit := s.Children()[0].LastExit; exit.Kind != sup.ExitShutdown {
			t.Error(exit)
		}
	})
}

func TestEveryWithoutAnIntervalOrAFunctionDoesNotStart(t *testing.T) {
	nothing := func(context.Context) error { return nil }
	for _, tt := range []struct {
		interval time.Duration
		f        func(context.Context) error
		want     string
	}{
		{0, nothing, "interval 0s of Every: give one above 0"},
		{-time.Second, nothing, "interval -1s of Every: give one above 0"},
		{time.Second, nil, "nil function of Every: give one to call every 1s"},
	} {
		_, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{{ID: "tick", Start: sup.Every(tt.interval, tt.f)}}})
		if want := "supervisor/tick: start: " + tt.want; err == nil || err.Error() != want {
			t.Errorf("%v; want %s", err, want)
		}
	}
}

// W1: Adapt makes a start function of any worker type fit a Spec of Worker, with all its
// outcomes.
func TestAnAdaptedStartFunctionDoesWhatTheTypedOneDoes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{
			{ID: "fake", Start: sup.Adapt(makes(fake{}))},
			{ID: "ignored", Start: sup.Adapt(unmade(func(context.Context) (*fake, error) { return nil, sup.ErrIgnore })().Start)},
		}})
		if w, ok := sup.As[*fake](s.Child("fake")).Get(); !ok || w == nil {
			t.Error("no typed handle")
		}
		expectStates(t, s, "fake running, ignored stopped")
	})
	for _, failure := range failedStarts {
		t.Run(failure.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := failure.child()
				_, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{
					{ID: "w", Start: sup.Adapt(c.Start), StartTimeout: c.StartTimeout},
				}})
				if !errors.Is(err, failure.want) || !errors.Is(err, sup.ErrStart) {
					t.Error(err)
				}
			})
		})
	}
	var none func(context.Context) (*fake, error)
	_, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{{ID: "w", Start: sup.Adapt(none)}}})
	if !errors.Is(err, sup.ErrSpec) {
		t.Errorf("no function: %v", err)
	}
}
