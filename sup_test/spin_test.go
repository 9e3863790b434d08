package sup_test

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// SEMANTICS, "A restart that fails", F4.

// F4: From the tenth attempt in a row on, each attempt is preceded by a pause
// of 1 ms.
func TestFailedAttemptsDoNotSpin(t *testing.T) {
	eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
		c, tr, at := make(controls), new(trace), starts{}
		a := at.of(unready(tr, c.child(tr, "a"), 2, 1<<40))
		s := start(t, sup.Spec[*fake]{
			Strategy: strategy, Intensity: sup.Unlimited, Children: []sup.ChildSpec[*fake]{c.child(tr, "x"), a, c.child(tr, "y")},
		})
		at[0] = time.Now()
		c.die("a", errBoom)
		time.Sleep(50*time.Millisecond - 1)
		synctest.Wait()
		want := slices.Concat(make([]time.Duration, 9), slices.Repeat([]time.Duration{time.Millisecond}, 49))
		if diff := cmp.Diff(want, at.waits()); diff != "" {
			t.Errorf("waits (-want +got):\n%s", diff)
		}
		if got := info(t, s, "a"); got.Incarnation != 1+9+49 || got.Restarts != 9+49 {
			t.Errorf("incarnation %d, %d restarts", got.Incarnation, got.Restarts)
		}
	})
}

// F4: A ready incarnation resets the count of attempts. If it fails, it is
// restarted without a pause.
func TestAReadyIncarnationResetsTheCountOfAttempts(t *testing.T) {
	eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
		c, tr, at := make(controls), new(trace), starts{}
		bad := func(n int) bool { return n != 1 && n != 12 && n != 23 && n < 34 }
		a := at.of(with(c.child(tr, "a"), func(f *fake) {
			initialize := f.initialize
			f.initialize = func(ctx context.Context) error {
				if bad(sup.Incarnation(ctx)) {
					return errUnready
				}
				return initialize(ctx)
			}
		}))
		s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: sup.Unlimited, Children: []sup.ChildSpec[*fake]{a}})
		began := time.Now()
		for life := 1; life <= 3; life++ { // each followed by ten failed attempts, the last after a pause
			c.die("a", errBoom)
			if _, err := s.Child("a").Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got, want := time.Since(began), time.Duration(life)*2*time.Millisecond; got != want {
				t.Errorf("ready again after %v, want %v", got, want)
			}
		}
		again := time.Now()
		for range 100 {
			c.die("a", errBoom)
		}
		if waited := time.Since(again); waited != 0 {
			t.Errorf("100 restarts took %v", waited)
		}
	})
}

// lacking makes incarnations from..to of a child fail to start with err.
func lacking(c sup.ChildSpec[*fake], from, to int, err error, inStart bool) sup.ChildSpec[*fake] {
	lacks := func(ctx context.Context) bool { n := sup.Incarnation(ctx); return from <= n && n <= to }
	if inStart {
		start := c.Start
		c.Start = func(ctx context.Context) (*fake, error) {
			if lacks(ctx) {
				return nil, err
			}
			return start(ctx)
		}
		return c
	}
	return with(c, func(f *fake) {
		initialize := f.initialize
		f.initialize = func(ctx context.Context) error {
			if lacks(ctx) {
				return err
			}
			return initialize(ctx)
		}
	})
}

var errNoDescriptor = fmt.Errorf("open the journal: %w", &fs.PathError{Op: "open", Path: "journal", Err: syscall.EMFILE})

// F4: A start that fails because the host has run out of a resource counts
// nowhere. It is retried after at least a second, or after its backoff. An
// event and a log record report it.
func TestAnExhaustedHostIsNotCounted(t *testing.T) {
	for _, tt := range []struct {
		name    string
		inStart bool
		budget  sup.Intensity
		backoff sup.Backoff
		waits   []time.Duration
	}{
		{"start function", true, sup.Intensity{}, sup.Backoff{}, []time.Duration{time.Second, time.Second, time.Second}},
		{"Initialize", false, sup.Intensity{}, sup.Backoff{}, []time.Duration{time.Second, time.Second, time.Second}},
		{"budget", false, sup.Intensity{Restarts: 1, Within: time.Hour}, sup.Backoff{}, []time.Duration{time.Second, time.Second, time.Second}},
		{
			"backoff", false, sup.Intensity{}, sup.Backoff{Min: 300 * time.Millisecond},
			[]time.Duration{time.Second, 1200 * time.Millisecond, 2400 * time.Millisecond},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
				c, tr, at := make(controls), new(trace), starts{}
				a := at.of(lacking(c.child(tr, "a"), 2, 4, errNoDescriptor, tt.inStart))
				a.Budget, a.Backoff = tt.budget, tt.backoff
				var mu sync.Mutex
				var told []time.Duration
				var log bytes.Buffer
				s := start(t, sup.Spec[*fake]{
					Strategy: strategy, Intensity: sup.Intensity{Restarts: 1, Within: time.Hour}, Children: []sup.ChildSpec[*fake]{c.child(tr, "x"), a},
					Observers: []sup.Observer{sup.Log(logTo(&log, slog.LevelWarn)), sup.ObserverFunc(func(e sup.Event) {
						mu.Lock()
						defer mu.Unlock()
						if e.HostExhausted {
							if e.Kind != sup.ChildRestarting || e.ID != "a" {
								t.Errorf("event: %+v", e)
							}
							told = append(told, e.Delay)
						}
					})},
				})
				c.die("a", errBoom)
				if _, err := s.Child("a").Wait(t.Context()); err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.waits, at.waits()[1+len(at)-len(tt.waits)-2:]); diff != "" {
					t.Errorf("waits (-want +got):\n%s", diff)
				}
				expectCount(t, s, map[bool]int{true: 1, false: 0}[tt.budget == sup.Intensity{}])
				mu.Lock()
				defer mu.Unlock()
				if diff := cmp.Diff(tt.waits, told); diff != "" {
					t.Errorf("delays in the events (-want +got):\n%s", diff)
				}
				if n := strings.Count(log.String(), "hostExhausted=true"); n != 3 {
					t.Errorf("the log has %d records, want 3:\n%s", n, log.String())
				}
			})
		})
	}
}

// F4: A nested supervisor whose child could not start on an exhausted host has
// not failed either. An EAGAIN that does not come from fork, pipe or socket
// counts as a failure, and so does the failure of a child that was ready.
func TestAnExhaustedHostBelowANestedSupervisorIsNotCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		lives := 0
		nested := sup.ChildSpec[sup.Worker]{ID: "nested", Start: func(context.Context) (sup.Worker, error) {
			lives++
			a := c.child(tr, "a")
			if lives == 2 {
				a = lacking(a, 1, 1, errNoDescriptor, true)
			}
			return sup.New(sup.Spec[*fake]{Name: "nested", Intensity: none, Children: []sup.ChildSpec[*fake]{a}}), nil
		}}
		s := start(t, sup.Spec[sup.Worker]{Intensity: sup.Intensity{Restarts: 1, Within: time.Hour}, Children: []sup.ChildSpec[sup.Worker]{nested}})
		c.die("a", errBoom)
		expectStates(t, s, "nested restarting")
		time.Sleep(time.Second)
		expectStates(t, s, "nested running")
		expectCount(t, s, 1)
	})
}

// F4: Any other failure of a start counts, even if its error resembles one of an
// exhausted host.
func TestOtherFailuresThanAnExhaustedHostAreCounted(t *testing.T) {
	for name, err := range map[string]error{
		"a lock that is taken": &fs.PathError{Op: "lock", Path: "journal", Err: syscall.EAGAIN},
		"methods that panic":   rude{},
		"none":                 errUnready,
	} {
		t.Run(name, func(t *testing.T) {
			eachStrategy(t, func(t *testing.T, strategy sup.Strategy) {
				c, tr := make(controls), new(trace)
				a := lacking(c.child(tr, "a"), 2, 2, err, false)
				s := start(t, sup.Spec[*fake]{Strategy: strategy, Intensity: ample, Children: []sup.ChildSpec[*fake]{a}})
				before := time.Now()
				c.die("a", errBoom)
				expectStates(t, s, "a running")
				c.die("a", errNoDescriptor) // after it was ready
				expectStates(t, s, "a running")
				expectCount(t, s, 3)
				if waited := time.Since(before); waited != 0 {
					t.Errorf("the restart took %v", waited)
				}
			})
		})
	}
}

// rude is an error whose Unwrap panics.
type rude struct{}

func (rude) Error() string   { return "rude" }
func (rude) Is(error) bool   { panic("no comparison") }
func (rude) Unwrap() []error { panic("no cause") }

// F4, F2: In a round the pause of one child delays nothing else. A failure
// meanwhile causes its own round at once, which ends the pause if it restarts
// the paused child.
func TestAPauseDelaysNothingElse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		children := c.good(tr, "a", "b", "d")
		children[1] = lacking(children[1], 2, 2, errNoDescriptor, false)
		s := start(t, sup.Spec[*fake]{Strategy: sup.RestForOne, Intensity: sup.Intensity{Restarts: 2, Within: time.Hour}, Children: children})
		before := time.Now()
		tr.take()
		c.die("b", errBoom)
		expectStates(t, s, "a running, b restarting, d restarting")
		c.die("a", errBoom)
		expectStates(t, s, "a running, b running, d running")
		tr.expect(t, "die b, stop d, die a, start a, start b, start d")
		expectCount(t, s, 2)
		if waited := time.Since(before); waited != 0 {
			t.Errorf("the restart took %v", waited)
		}
		time.Sleep(time.Minute)
		tr.expect(t, "")
		expectUp(t, s)
	})
}
