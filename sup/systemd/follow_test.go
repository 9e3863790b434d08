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

// sent keeps what was sent, with the seconds when it was.
type sent struct {
	began time.Time
	mu    sync.Mutex // protects all
	all   []string
}

func (s *sent) send(messages ...string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, strconv.Itoa(int(time.Since(s.began).Seconds()))+" "+strings.Join(messages, " "))
	return true, nil
}

// do is a worker.
type do func(ctx context.Context) error

func (f do) Run(ctx context.Context) error { return f(ctx) }

func wait(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

// ignore is a worker that ignores its context for some time.
func ignore(d time.Duration) do {
	return func(ctx context.Context) error {
		<-ctx.Done()
		time.Sleep(d)
		return nil
	}
}

func child(id string, run do, change func(*sup.ChildSpec[do])) sup.ChildSpec[do] {
	spec := sup.ChildSpec[do]{ID: id, Start: func(context.Context) (do, error) { return run, nil }}
	if change != nil {
		change(&spec)
	}
	return spec
}

// follow starts a tree in a bubble, and follows it, with a watchdog of 10 s. Then
// it calls during, and ends the tree.
func follow(t *testing.T, spec sup.Spec[do], options Options, during func(s *sup.Supervisor[do])) (all []string, err error) {
	t.Helper()
	s, err := sup.Start(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	messages := &sent{began: time.Now()}
	options.Logger = slog.New(slog.DiscardHandler)
	f := follower{tree: s, options: options, send: messages.send}
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
func TestSystemdIsToldWhatBecomesOfATree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := sup.Spec[do]{Name: "top", Children: []sup.ChildSpec[do]{child("slow", ignore(12*time.Second), func(c *sup.ChildSpec[do]) {
			c.Shutdown = 20 * time.Second
		})}}
		all, err := follow(t, spec, Options{}, func(*sup.Supervisor[do]) { time.Sleep(12 * time.Second) })
		want := []string{
			"0 READY=1", "5 WATCHDOG=1", "10 WATCHDOG=1",
			"12 STOPPING=1 STATUS=stopping", "15 WATCHDOG=1", "20 WATCHDOG=1",
		}
		if diff := cmp.Diff(want, all); diff != "" || err != nil {
			t.Error(err, diff)
		}
	})
}

func TestATreeThatGivesUpIsStopping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spec := sup.Spec[do]{Name: "top", Intensity: sup.Intensity{Restarts: 0, Within: time.Second}, Children: []sup.ChildSpec[do]{
			child("broken", func(context.Context) error {
				time.Sleep(time.Second)
				return errors.New("no\ndisk")
			}, nil),
		}}
		all, err := follow(t, spec, Options{}, func(s *sup.Supervisor[do]) { <-s.Done() })
		if !errors.Is(err, sup.ErrIntensity) || len(all) != 2 || !strings.HasPrefix(all[1], "1 STOPPING=1 STATUS=stopping: ") || !strings.Contains(all[1], "no disk") {
			t.Errorf("%v: %q", err, all)
		}
	})
}

// A child that is stuck, further down, keeps back the sign of life until it is
// gone.
func TestATreeWithAChildThatIsStuckIsNotHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := sup.New(sup.Spec[do]{Name: "inner", Children: []sup.ChildSpec[do]{
			child("deaf", ignore(13*time.Second), func(c *sup.ChildSpec[do]) { c.Shutdown = time.Second }),
		}})
		outer, err := sup.Start(context.Background(), sup.Spec[sup.Worker]{Name: "top", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "inner", Start: func(context.Context) (sup.Worker, error) { return inner, nil }},
		}})
		if err != nil {
			t.Fatal(err)
		}
		messages := &sent{began: time.Now()}
		f := follower{tree: outer, options: Options{Logger: slog.New(slog.DiscardHandler)}, send: messages.send}
		done := make(chan error)
		go func() { done <- f.run(context.Background(), 10*time.Second) }()
		time.Sleep(6 * time.Second)
		go inner.TerminateChild(context.Background(), "deaf") // it is stuck from 7 s to 19 s
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
			"10 STATUS=not healthy: top/inner/deaf is stuck since " + at, "15 STATUS=not healthy: top/inner/deaf is stuck since " + at,
			"20 WATCHDOG=1 STATUS=", "22 STOPPING=1 STATUS=stopping",
		}
		if diff := cmp.Diff(want, messages.all); diff != "" {
			t.Error(diff)
		}
	})
}

// Options.Healthy has until the next sign of life is due.
func TestTheProgramCanSayThatItIsNotHealthy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked int
		healthy := func(ctx context.Context) error {
			switch asked++; asked {
			case 2:
				return errors.New("the queue is full")
			case 3:
				<-ctx.Done()
				return nil
			}
			return nil
		}
		spec := sup.Spec[do]{Name: "top", Children: []sup.ChildSpec[do]{child("one", wait, nil)}}
		all, err := follow(t, spec, Options{Healthy: healthy}, func(*sup.Supervisor[do]) { time.Sleep(32 * time.Second) })
		want := []string{
			"0 READY=1", "5 WATCHDOG=1", "10 STATUS=not healthy: the queue is full",
			"20 STATUS=not healthy: no answer within 5s", "20 WATCHDOG=1 STATUS=", "25 WATCHDOG=1", "30 WATCHDOG=1",
			"32 STOPPING=1 STATUS=stopping",
		}
		if diff := cmp.Diff(want, all); diff != "" || err != nil {
			t.Error(err, diff)
		}
	})
}

// One that has ended already is stopping, and was never ready.
func TestFollowingATreeThatHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := sup.Start(context.Background(), sup.Spec[do]{Name: "top"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			messages := &sent{began: time.Now()}
			f := follower{tree: s, send: messages.send}
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
		s, err := sup.Start(context.Background(), sup.Spec[do]{Name: "top"})
		if err != nil {
			t.Fatal(err)
		}
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(context.Background())
		cancel(gone)
		f := follower{tree: s, send: (&sent{}).send}
		if err := f.run(ctx, 0); err != gone {
			t.Errorf("the error is %v", err)
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestTheTimeOfTheWatchdog(t *testing.T) {
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
		got, err := watchdog()
		if got != tt.want || (err != nil) != tt.fails || err != nil && !strings.Contains(err.Error(), strconv.Quote(tt.usec)) {
			t.Errorf("%+v: %v, %v", tt, got, err)
		}
	}
}
