//go:build unix

package systemd

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// recorder records sent messages, each after the second in which it was sent.
type recorder struct {
	began time.Time
	mu    sync.Mutex // guards all
	all   []string
}

func (r *recorder) notify(messages ...string) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, strconv.Itoa(int(time.Since(r.began).Seconds()))+" "+strings.Join(messages, " "))
	return true, nil
}

// workerFunc is the Run of a worker.
type workerFunc func(ctx context.Context) error

func (f workerFunc) Run(ctx context.Context) error { return f(ctx) }

func wait(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// ignore returns a worker that ignores the end of its context for some time.
func ignore(d time.Duration) workerFunc {
	return func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(d)
		return nil
	}
}

func child(id string, run workerFunc, change func(*sup.ChildSpec[workerFunc])) sup.ChildSpec[workerFunc] {
	spec := sup.ChildSpec[workerFunc]{ID: id, Start: func(context.Context) (workerFunc, error) { return run, nil }}
	if change != nil {
		change(&spec)
	}
	return spec
}

// follow starts a tree, follows it with a watchdog of 10 s, calls during, and stops the
// tree.
func follow(t *testing.T, spec sup.Spec[workerFunc], options Options, during func(s *sup.Supervisor[workerFunc])) (all []string, err error) {
	t.Helper()
	s, err := sup.Start(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	messages := &recorder{began: time.Now()}
	options.Logger = slog.New(slog.DiscardHandler)
	f := follower{tree: s, options: options, notify: messages.notify}
	done := make(chan error)
	go func() { done <- f.run(context.Background(), 10*time.Second) }()
	synctest.Wait()
	during(s)
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	err = <-done
	return messages.all, err
}

// Guarantees 1 to 3.
func TestFollowSendsReadyWatchdogAndStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := sup.Spec[workerFunc]{Name: "top", Children: []sup.ChildSpec[workerFunc]{child("slow", ignore(12*time.Second), func(c *sup.ChildSpec[workerFunc]) {
			c.Shutdown = 20 * time.Second
		})}}
		all, err := follow(t, spec, Options{}, func(*sup.Supervisor[workerFunc]) { time.Sleep(12 * time.Second) })
		want := []string{
			"0 READY=1", "5 WATCHDOG=1", "10 WATCHDOG=1",
			"12 STOPPING=1 STATUS=stopping", "15 WATCHDOG=1", "20 WATCHDOG=1",
		}
		if diff := cmp.Diff(want, all); diff != "" || err != nil {
			t.Error(err, diff)
		}
	})
}

func TestTheStatusHasTheErrorOfATreeThatGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := sup.Spec[workerFunc]{Name: "top", Intensity: sup.Intensity{Restarts: 0, Within: time.Second}, Children: []sup.ChildSpec[workerFunc]{
			child("broken", func(context.Context) error {
				time.Sleep(time.Second)
				return errors.New("no\ndisk")
			}, nil),
		}}
		all, err := follow(t, spec, Options{}, func(s *sup.Supervisor[workerFunc]) { <-s.Done() })
		if !errors.Is(err, sup.ErrIntensity) || len(all) != 2 || !strings.HasPrefix(all[1], "1 STOPPING=1 STATUS=stopping: ") || !strings.Contains(all[1], "no disk") {
			t.Errorf("%v: %q", err, all)
		}
	})
}

// The child is in a nested supervisor, and ends after some time.
func TestATreeWithAStuckChildIsUnhealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := sup.New(sup.Spec[workerFunc]{Name: "inner", Children: []sup.ChildSpec[workerFunc]{
			child("slow", ignore(13*time.Second), func(c *sup.ChildSpec[workerFunc]) { c.Shutdown = time.Second }),
		}})
		outer, err := sup.Start(context.Background(), sup.Spec[sup.Worker]{Name: "top", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "inner", Start: func(context.Context) (sup.Worker, error) { return inner, nil }},
		}})
		if err != nil {
			t.Fatal(err)
		}
		messages := &recorder{began: time.Now()}
		f := follower{tree: outer, options: Options{Logger: slog.New(slog.DiscardHandler)}, notify: messages.notify}
		done := make(chan error)
		go func() { done <- f.run(context.Background(), 10*time.Second) }()
		time.Sleep(6 * time.Second)
		go inner.TerminateChild(context.Background(), "slow") // stuck from 7 s to 19 s
		time.Sleep(16 * time.Second)
		if err := outer.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		at := messages.began.Add(7 * time.Second).Format(time.RFC3339)
		want := []string{
			"0 READY=1", "5 WATCHDOG=1",
			"10 STATUS=unhealthy: top/inner/slow: stuck since " + at, "15 STATUS=unhealthy: top/inner/slow: stuck since " + at,
			"20 WATCHDOG=1 STATUS=", "22 STOPPING=1 STATUS=stopping",
		}
		if diff := cmp.Diff(want, messages.all); diff != "" {
			t.Error(diff)
		}
	})
}

// It must return before the next message is due.
func TestHealthyDecidesOnTheHealthOfTheTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls int
		healthy := func(ctx context.Context) error {
			switch calls++; calls {
			case 2:
				return errors.New("the queue is full")
			case 3:
				<-ctx.Done()
				return nil
			}
			return nil
		}
		spec := sup.Spec[workerFunc]{Name: "top", Children: []sup.ChildSpec[workerFunc]{child("one", wait, nil)}}
		all, err := follow(t, spec, Options{Healthy: healthy}, func(*sup.Supervisor[workerFunc]) { time.Sleep(32 * time.Second) })
		want := []string{
			"0 READY=1", "5 WATCHDOG=1", "10 STATUS=unhealthy: the queue is full",
			"20 STATUS=unhealthy: no answer within 5s", "20 WATCHDOG=1 STATUS=", "25 WATCHDOG=1", "30 WATCHDOG=1",
			"32 STOPPING=1 STATUS=stopping",
		}
		if diff := cmp.Diff(want, all); diff != "" || err != nil {
			t.Error(err, diff)
		}
	})
}

// Follow sends STOPPING=1 and no READY=1.
func TestATreeThatHasEndedIsStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := sup.Start(context.Background(), sup.Spec[workerFunc]{Name: "top"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			messages := &recorder{began: time.Now()}
			f := follower{tree: s, notify: messages.notify}
			if err := f.run(context.Background(), 0); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff([]string{"0 STOPPING=1 STATUS=stopping"}, messages.all); diff != "" {
				t.Error(diff)
			}
		}
	})
}

func TestFollowEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := sup.Start(context.Background(), sup.Spec[workerFunc]{Name: "top"})
		if err != nil {
			t.Fatal(err)
		}
		cause := errors.New("canceled")
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(cause)
		f := follower{tree: s, notify: (&recorder{}).notify}
		if err := f.run(ctx, 0); err != cause {
			t.Errorf("the error is %v", err)
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestTheIntervalOfTheWatchdog(t *testing.T) {
	for _, tt := range []struct {
		usec, pid string
		want      time.Duration
		fails     bool
	}{
		{"", "", 0, false},
		{"30000000", "", 30 * time.Second, false},
		{"30000000", strconv.Itoa(os.Getpid()), 30 * time.Second, false},
		{"30000000", "1", 0, false},
		{"0", "", 0, true},
		{"-5", "", 0, true},
		{"soon", "", 0, true},
		{"18446744073709551615", "", 0, true},
		{"9007199254740993", "", 0, true},
	} {
		t.Setenv("WATCHDOG_USEC", tt.usec)
		t.Setenv("WATCHDOG_PID", tt.pid)
		got, err := watchdogInterval()
		if got != tt.want || (err != nil) != tt.fails || err != nil && !strings.Contains(err.Error(), strconv.Quote(tt.usec)) {
			t.Errorf("%+v: %v, %v", tt, got, err)
		}
	}
}
