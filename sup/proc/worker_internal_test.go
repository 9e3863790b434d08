package proc

import (
	"context"
	"errors"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// A probe begins one interval after the end of the probe before, and only failures in
// a row count.
func TestALivenessProbeKeepsItsTimes(t *testing.T) {
	for _, tt := range []struct {
		name    string
		live    Liveness
		answers string          // of the probes: good, bad or late; the last answer is repeated
		want    []time.Duration // the times of the probes
		end     time.Duration   // of the monitor; -1 for a healthy process
	}{
		{"defaults", Liveness{}, "b", seconds(10, 20, 30), 30 * time.Second},
		{"too slow", Liveness{}, "l", seconds(10, 21, 32), 33 * time.Second},
		{"in a row", Liveness{Interval: time.Second, Failures: 2}, "bgbgbb", seconds(1, 2, 3, 4, 5, 6), 6 * time.Second},
		{"one failure is enough", Liveness{Interval: time.Second, Failures: 1}, "gb", seconds(1, 2), 2 * time.Second},
		{"its own times", Liveness{Interval: 2 * time.Second, Timeout: 5 * time.Second}, "gl", seconds(2, 4, 11, 18), 23 * time.Second},
		{"healthy", Liveness{Interval: 10 * time.Second}, "g", seconds(10, 20, 30, 40, 50), -1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var got []time.Duration
				answers := tt.answers
				tt.live.Probe = LiveFunc(func(ctx context.Context, _ *Process) error {
					got = append(got, time.Since(began))
					answer := answers[0]
					answers = answers[min(1, len(answers)-1):]
					switch answer {
					case 'g':
						return nil
					case 'b':
						return errors.New("bad")
					}
					<-ctx.Done()
					return ctx.Err()
				})
				ctx, cancel := context.WithTimeout(t.Context(), 55*time.Second)
				defer cancel()
				err := tt.live.monitor(ctx, &Process{cmd: exec.Command("fake")}, nil)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("probes: %s", diff)
				}
				if tt.end < 0 {
					if err != nil {
						t.Errorf("a healthy process: %v", err)
					}
					return
				}
				if end := time.Since(began); err == nil || end != tt.end {
					t.Errorf("%v after %v, want %v", err, end, tt.end)
				}
			})
		})
	}
}

func TestAProcessIsAliveWithAMessageInEachInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		alive := make(chan struct{}, 1)
		w := &Worker{beats: alive}
		go func() {
			for time.Since(began) < 50*time.Second {
				w.handleMessage(t.Context(), NotifyAlive)
				time.Sleep(3 * time.Second)
			}
		}()
		err := Liveness{Probe: LiveNotify()}.monitor(t.Context(), &Process{cmd: exec.Command("fake")}, alive)
		if end := time.Since(began); !errors.Is(err, errNoMessage) || end != 80*time.Second {
			t.Errorf("%v after %v, want three intervals after the last message", err, end)
		}
	})
}

// watched is a worker that only monitors a process.
type watched struct{ live Liveness }

func (w watched) Run(ctx context.Context) error {
	return w.live.monitor(ctx, &Process{cmd: exec.Command("fake")}, nil)
}

func TestASuccessfulProbeIsABeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		live := Liveness{Failures: 100, Probe: LiveFunc(func(context.Context, *Process) error {
			if time.Since(began) < time.Minute {
				return nil
			}
			return errors.New("hangs")
		})}
		s := sup.New(sup.Spec[watched]{
			Intensity: sup.Intensity{Restarts: 0, Within: time.Second},
			Children: []sup.ChildSpec[watched]{{ID: "one", Watchdog: 15 * time.Second, Start: func(context.Context) (watched, error) {
				return watched{live}, nil
			}}},
		})
		err := s.Run(t.Context())
		if end := time.Since(began); !errors.Is(err, sup.ErrUnhealthy) || end != 65*time.Second {
			t.Errorf("%v after %v, want 15 s after the last answer", err, end)
		}
	})
}

func seconds(at ...int) []time.Duration {
	all := make([]time.Duration, len(at))
	for i, s := range at {
		all[i] = time.Duration(s) * time.Second
	}
	return all
}

func TestTheGracePeriodIsMostOfTheShutdownTimeout(t *testing.T) {
	for _, tt := range []struct{ left, want time.Duration }{
		{time.Minute, 59 * time.Second},
		{5 * time.Second, 4500 * time.Millisecond},
		{time.Second, 750 * time.Millisecond},
		{100 * time.Millisecond, 50 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), tt.left)
			defer cancel()
			if got := gracePeriod(ctx); got != tt.want {
				t.Errorf("%v of %v, want %v", got, tt.left, tt.want)
			}
		})
	}
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if got := gracePeriod(late); got > 0 {
		t.Errorf("%v after the deadline", got)
	}
}

// beating is a worker that gets a number of messages, one each second.
type beating struct{ beats int }

// Run passes messages to a worker, as a process would send them.
func (b beating) Run(ctx context.Context) error {
	w := new(Worker)
	for range b.beats {
		time.Sleep(time.Second)
		w.handleMessage(ctx, NotifyAlive)
	}
	w.handleMessage(ctx, "STATUS=no beat")
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(time.Minute):
		return nil
	}
}

func TestMessagesResetTheWatchdogOfTheChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		s, err := sup.Start(t.Context(), sup.Spec[beating]{
			AutoShutdown: sup.AutoShutdownAnySignificant,
			Children: []sup.ChildSpec[beating]{{
				ID: "one", Restart: sup.Temporary, Significant: true, Watchdog: 2 * time.Second,
				Start: func(context.Context) (beating, error) { return beating{10}, nil },
			}},
		})
		if err != nil {
			t.Fatal(err)
		}
		<-s.Done()
		if lived := time.Since(began); lived != 12*time.Second {
			t.Errorf("the child lived for %v, want 12s", lived)
		}
	})
}
