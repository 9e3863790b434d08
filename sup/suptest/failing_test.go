package suptest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// What the helpers say when a test is to fail.

// failing is a test that only notes its failure.
type failing struct {
	testing.TB
	cleanups []func()
	failure  string
}

type stopTest struct{}

func (f *failing) Helper()          {}
func (f *failing) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }
func (f *failing) Error(args ...any) {
	f.failure += fmt.Sprint(args...)
}
func (f *failing) Fatal(args ...any) {
	f.Error(args...)
	panic(stopTest{})
}
func (f *failing) Fatalf(format string, args ...any) { f.Fatal(fmt.Sprintf(format, args...)) }

// failureOf runs part of a test that ought to fail, and returns its message.
func failureOf(t *testing.T, part func(t testing.TB)) string {
	t.Helper()
	f := &failing{TB: t}
	func() {
		defer func() {
			if r := recover(); r != nil && r != any(stopTest{}) {
				panic(r)
			}
		}()
		part(f)
		for _, c := range f.cleanups {
			c()
		}
	}()
	if f.failure == "" {
		t.Error("did not fail")
	}
	return f.failure
}

func same(t *testing.T, want, got string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("failure (-want +got):\n%s", diff)
	}
}

func worker(context.Context) (*Worker, error) { return new(Worker), nil }

func pair() sup.Spec[*Worker] {
	return sup.Spec[*Worker]{Name: "pair", Children: []sup.ChildSpec[*Worker]{
		{ID: "a", Start: worker}, {ID: "b", Start: worker},
	}}
}

func record(t *testing.T) *Recorder {
	t.Helper()
	events := new(Recorder)
	spec := pair()
	spec.Observers = []sup.Observer{events}
	Start(t, spec)
	return events
}

func TestExpectFailsWithWhatCameInstead(t *testing.T) {
	Run(t, func(t *testing.T) {
		events := record(t)
		same(t, `suptest: expected, and not come in ten minutes:
	child ready a
come (* as expected):
        child starting pair/a #1
        child ready pair/a #1
        child starting pair/b #1
      * child ready pair/b #1
        supervisor started pair
`, failureOf(t, func(t testing.TB) { events.Expect(t, "child ready b", "child ready a") }))
	})
}

func TestExpectWaitsTenMinutesAndNoLonger(t *testing.T) {
	Run(t, func(t *testing.T) {
		events := record(t)
		began := time.Now()
		failureOf(t, func(t testing.TB) { events.Expect(t, "child exited a") })
		if waited := time.Since(began); waited != 10*time.Minute {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestExpectTakesEachEventOnce(t *testing.T) {
	Run(t, func(t *testing.T) {
		events := record(t)
		events.Expect(t, "child ready a")
		failureOf(t, func(t testing.TB) { events.Expect(t, "child ready a") })
	})
}

func TestExpectAnyOrderSaysWhatIsMissing(t *testing.T) {
	Run(t, func(t *testing.T) {
		events := record(t)
		events.ExpectAnyOrder(t, "child ready b", "child ready a")
		got := failureOf(t, func(t testing.TB) {
			events.ExpectAnyOrder(t, "child ready b", "supervisor started pair", "child ready a")
		})
		same(t, `suptest: expected, and not come in ten minutes:
	child ready b
	child ready a
come (* as expected):
      * supervisor started pair
`, got)
	})
}

func TestExpectExactlyFailsWithADiff(t *testing.T) {
	for name, c := range map[string]struct {
		want []string
		diff string
	}{
		"one too many": {
			[]string{"child starting a", "child ready a", "child starting b", "child exited b", "child ready b", "supervisor started pair"},
			`	  child starting pair/a #1
	  child ready pair/a #1
	  child starting pair/b #1
	- child exited b
	  child ready pair/b #1
	  supervisor started pair
`},
		"one too few": {
			[]string{"child starting a", "child ready a", "child starting b", "supervisor started pair"},
			`	  child starting pair/a #1
	  child ready pair/a #1
	  child starting pair/b #1
	+ child ready pair/b #1
	  supervisor started pair
`},
		"a different one": {
			[]string{"child starting a", "child ready a #2", "child starting b", "child ready b", "supervisor started pair"},
			`	  child starting pair/a #1
	- child ready a #2
	+ child ready pair/a #1
	  child starting pair/b #1
	  child ready pair/b #1
	  supervisor started pair
`},
		"none": {
			nil,
			`	+ child starting pair/a #1
	+ child ready pair/a #1
	+ child starting pair/b #1
	+ child ready pair/b #1
	+ supervisor started pair
`},
	} {
		t.Run(name, func(t *testing.T) {
			Run(t, func(t *testing.T) {
				events := record(t)
				got := failureOf(t, func(t testing.TB) { events.ExpectExactly(t, c.want...) })
				same(t, "suptest: not the events expected (- expected, + come):\n"+c.diff, got)
			})
		})
	}
}

func TestALineThatCanFitNoEventIsSaidToBeOne(t *testing.T) {
	Run(t, func(t *testing.T) {
		for _, line := range []string{"chlid ready a", "child ready", "child ready ", "", "readiness of a"} {
			for name, expect := range map[string]func(*Recorder, testing.TB, ...string){
				"Expect": (*Recorder).Expect, "ExpectExactly": (*Recorder).ExpectExactly, "ExpectAnyOrder": (*Recorder).ExpectAnyOrder,
			} {
				got := failureOf(t, func(t testing.TB) { expect(new(Recorder), t, line) })
				want := fmt.Sprintf("suptest: %q expects no event: write one of these, then a name:\n\tchild starting\n\tchild ready\n", line)
				if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\n\tobserver panicked") {
					t.Errorf("%s(%q): %s", name, line, got)
				}
			}
		}
	})
}

func TestALineFitsWhatItNames(t *testing.T) {
	exited := sup.Event{
		Kind: sup.ChildExited, Path: "orders/feeds/db", Incarnation: 2,
		Exit: sup.Exit{Kind: sup.ExitAbnormal, Err: errors.New("boom")},
	}
	waiting := sup.Event{Kind: sup.ChildRestarting, Path: "db", Incarnation: 12, Delay: time.Second, Exit: exited.Exit}
	for _, c := range []struct {
		line string
		e    sup.Event
		fits bool
	}{
		{Line(exited), exited, true},
		{Line(waiting), waiting, true},
		{"child exited orders/feeds/db #2: abnormal: boom", exited, true},
		{"child exited feeds/db: abnormal: boom", exited, true},
		{"child exited db: abnormal", exited, true},
		{"child exited db: boom", exited, true},
		{"child exited db #2", exited, true},
		{"child exited db", exited, true},
		{"child exited db #1", exited, false},
		{"child exited db: normal", exited, false},
		{"child exited db: abnormal: bo", exited, false},
		{"child exited db:", exited, false},
		{"child exited b", exited, false},
		{"child exited feeds", exited, false},
		{"child exited orders/feeds", exited, false},
		{"child exited other/db", exited, false},
		{"child stopped db", exited, false},
		{"child restarting db after 1s", waiting, true},
		{"child restarting db #12 after 1s", waiting, true},
		{"child restarting db after 2s", waiting, false},
		{"child restarting db #1", waiting, false},
	} {
		if got := lineFits(c.line, c.e); got != c.fits {
			t.Errorf("%q fits %q: %v", c.line, Line(c.e), got)
		}
	}
}

func TestACommandThatFitsNoChildFailsTheTest(t *testing.T) {
	Run(t, func(t *testing.T) {
		boom := errors.New("boom")
		command := func(c func(*Faults), trees ...sup.Spec[*Worker]) string {
			return failureOf(t, func(tb testing.TB) {
				faults := NewFaults(tb)
				for _, tree := range trees {
					Start(t, Inject(faults, tree))
				}
				c(faults)
			})
		}
		other := pair()
		other.Name = "other"
		same(t, `suptest: crash of "c": no such child is running, those that are: pair/a, pair/b`,
			command(func(f *Faults) { f.Crash("c", boom) }, pair()))
		same(t, `suptest: hang of "a": the name fits several children, give more of the path: other/a, pair/a`,
			command(func(f *Faults) { f.Hang("a") }, pair(), other))
		same(t, `suptest: panic of "a": no child is running that Inject has wrapped`,
			command(func(f *Faults) { f.Panic("a", boom) }))
		same(t, `suptest: crash of "a" with a nil error: give one; for a normal exit use a Worker, and its Return`,
			command(func(f *Faults) { f.Crash("a", nil) }, pair()))
		same(t, `suptest: failing start of "a" with a nil error: give one`,
			command(func(f *Faults) { f.FailStart("a", nil, 1) }))
	})
}

func TestAChildThatHasStoppedCannotBeBroken(t *testing.T) {
	Run(t, func(t *testing.T) {
		got := failureOf(t, func(tb testing.TB) {
			faults := NewFaults(tb)
			s := Start(t, Inject(faults, pair()))
			if err := s.TerminateChild(t.Context(), "a"); err != nil {
				t.Error(err)
			}
			faults.Goexit("a")
		})
		same(t, `suptest: goexit of "a": no such child is running, those that are: pair/b`, got)
	})
}

func TestOutsideOfABubbleTheTestIsTold(t *testing.T) {
	got := failureOf(t, func(t testing.TB) { new(Recorder).ExpectExactly(t) })
	same(t, "suptest: the test does not run in virtual time: put its body into suptest.Run", got)
}

func TestATreeThatDoesNotStartFailsTheTest(t *testing.T) {
	got := failureOf(t, func(t testing.TB) { Start(t, sup.Spec[*Worker]{Strategy: 9}) })
	if !strings.Contains(got, "Strategy") {
		t.Error(got)
	}
}

func TestATreeThatDoesNotStopFailsTheTestWithItsStacks(t *testing.T) {
	Run(t, func(t *testing.T) {
		w := new(Worker)
		release := w.Hang()
		defer release()
		spec := sup.Spec[*Worker]{Children: []sup.ChildSpec[*Worker]{
			{ID: "deaf", Start: func(context.Context) (*Worker, error) { return w, nil }},
		}}
		got := failureOf(t, func(t testing.TB) {
			Start(t, spec)
			synctest.Wait()
		})
		for _, part := range []string{
			"suptest: the tree does not stop: supervisor/deaf: not stopped in time: context deadline exceeded",
			"\n\nsupervisor/deaf #1:\ngoroutine ", "(*Worker).Run(",
		} {
			if !strings.Contains(got, part) {
				t.Errorf("%q is not in:\n%s", part, got)
			}
		}
	})
}

func TestALeakedGoroutineIsShown(t *testing.T) {
	got := runBubble(t, leak)
	for _, part := range []string{
		"suptest: the test has ended, and 1 of its goroutines have not.\n", "use Start or Cleanup", "start it with sup.Go",
		"suptest.leak.func1()",
	} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is not in:\n%s", part, got)
		}
	}
}

func TestATreeThatIsLeftRunningIsShown(t *testing.T) {
	got := runBubble(t, func(t *testing.T) {
		if _, err := sup.Start(context.Background(), pair()); err != nil {
			t.Error(err)
		}
	})
	if !strings.Contains(got, "(*Worker).Run(") || !strings.Contains(got, "3 of its goroutines") {
		t.Error(got)
	}
}

func leak(*testing.T) {
	c := make(chan struct{})
	go func() { <-c }()
}

// The test that fails is this one, in a process of its own.
func TestRunFailsATestThatLeaks(t *testing.T) {
	const within = "SUPTEST_LEAKS"
	if os.Getenv(within) != "" {
		Run(t, leak)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), within+"=1")
	out, err := cmd.CombinedOutput()
	if _, failed := errors.AsType[*exec.ExitError](err); !failed {
		t.Errorf("exit: %v", err)
	}
	for _, part := range []string{"--- FAIL: " + t.Name(), "the test has ended, and 1 of its goroutines", "suptest.leak.func1()"} {
		if !strings.Contains(string(out), part) {
			t.Errorf("%q is not in:\n%s", part, out)
		}
	}
}

func TestManyLeakedGoroutinesAreCounted(t *testing.T) {
	got := runBubble(t, func(t *testing.T) {
		c := make(chan struct{})
		for range 25 {
			go func() { <-c }()
		}
	})
	if !strings.HasSuffix(got, "\n\nand 15 more") || strings.Count(got, "\ngoroutine ") != 10 {
		t.Error(got)
	}
}

func TestATestThatWaitsForEverIsShown(t *testing.T) {
	got := runBubble(t, func(t *testing.T) { <-make(chan struct{}) })
	if !strings.Contains(got, "wait for something that cannot come") || !strings.Contains(got, "TestATestThatWaitsForEverIsShown.func1(") {
		t.Error(got)
	}
}

func TestAPanicOfRunItselfIsPassedOn(t *testing.T) {
	Run(t, func(t *testing.T) {
		defer func() {
			if recover() == nil {
				t.Error("a bubble in a bubble did not panic")
			}
		}()
		Run(t, func(*testing.T) {})
	})
}
