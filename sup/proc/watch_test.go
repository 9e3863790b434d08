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

// The times of a liveness probe, in virtual time: a probe comes an interval
// after the answer to the one before, and only failures in a row count.
func TestLivenessIsAskedForAtItsTimes(t *testing.T) {
	for _, tt := range []struct {
		name    string
		live    Liveness
		answers string          // of the probes: good, bad, or late; the last one goes on for ever
		want    []time.Duration // of the probes
		end     time.Duration
	}{
		{"defaults", Liveness{}, "b", seconds(10, 20, 30), 30 * time.Second},
		{"too slow", Liveness{}, "l", seconds(10, 21, 32), 33 * time.Second},
		{"in a row", Liveness{Interval: time.Second, Failures: 2}, "bgbgbb", seconds(1, 2, 3, 4, 5, 6), 6 * time.Second},
		{"the first is one too many", Liveness{Interval: time.Second, Failures: 1}, "gb", seconds(1, 2), 2 * time.Second},
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
				err := tt.live.watch(ctx, &Process{cmd: exec.Command("fake")}, nil)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("probes: %s", diff)
				}
				if tt.end < 0 {
					if err != nil {
						t.Errorf("a healthy process is %v", err)
					}
					return
				}
				if end := time.Since(began); err == nil || end != tt.end {
					t.Errorf("%v after %v, want it after %v", err, end, tt.end)
				}
			})
		})
	}
}

// With LiveNotify a message in each interval will do, however many there are.
func TestMessagesAreLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		alive := make(chan struct{}, 1)
		w := &Worker{alive: alive}
		go func() {
			for time.Since(began) < 50*time.Second {
				w.hear(NotifyAlive)
				time.Sleep(3 * time.Second)
			}
		}()
		err := Liveness{Probe: LiveNotify()}.watch(t.Context(), &Process{cmd: exec.Command("fake")}, alive)
		if end := time.Since(began); !errors.Is(err, errNoMessage) || end != 80*time.Second {
			t.Errorf("%v after %v, want it three intervals after the last message", err, end)
		}
	})
}

// watched is a worker that does nothing but ask for life.
type watched struct{ live Liveness }

func (w watched) Run(ctx context.Context) error {
	return w.live.watch(ctx, &Process{cmd: exec.Command("fake")}, nil)
}

// An answer is the beat that the watchdog of a child wants to hear.
func TestAnAnswerIsABeat(t *testing.T) {
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

// The time for stopping that a worker has, and what of it is the process's.
func TestTheGraceIsMostOfTheTimeForStopping(t *testing.T) {
	for _, tt := range []struct{ left, want time.Duration }{
		{time.Minute, 59 * time.Second},
		{5 * time.Second, 4500 * time.Millisecond},
		{time.Second, 750 * time.Millisecond},
		{100 * time.Millisecond, 50 * time.Millisecond},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), tt.left)
			defer cancel()
			if got := graceUntil(ctx); got != tt.want {
				t.Errorf("of %v it has %v, want %v", tt.left, got, tt.want)
			}
		})
	}
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if got := graceUntil(late); got > 0 {
		t.Errorf("of no time it has %v", got)
	}
}
