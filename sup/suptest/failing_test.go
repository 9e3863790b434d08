package suptest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// How the helpers fail a test.

// failing is a test that records its failure and does not fail.
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

// failureOf runs a part of a test that must fail and returns the message.
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

func TestExpectFailsWithTheEventsThatCameInstead(t *testing.T) {
	Run(t, func(t *testing.T) {
		events := record(t)
		same(t, `expected within ten minutes of virtual time:
	child ready a
got (* as expected):
        child starting pair/a #1
        child ready pair/a #1
        child starting pair/b #1
      * child ready pair/b #1
        supervisor started pair
`, failureOf(t, func(t testing.TB) { events.Expect(t, "child ready b", "child ready a") }))
	})
}

// Among many events, the last ones are shown and those that differ in a detail.
func TestAFailedExpectationShowsTheNearMissAndTheLastEvents(t *testing.T) {
	Run(t, func(t *testing.T) {
		events := new(Recorder)
		for i := range 300 {
			kind := sup.ChildReady
			if i == 5 {
				kind = sup.ChildExited
			}
			events.Observe(sup.Event{Kind: kind, Path: "pair/a", Incarnation: i + 1, Exit: sup.Exit{Kind: sup.ExitNormal}})
		}
		got := failureOf(t, func(t testing.TB) { events.Expect(t, "child exited a: abnormal") })
		for _, part := range []string{
			"got something similar:\n        child exited pair/a #6: normal\n",
			"got 300 events (* as expected), of which the last are:\n        child ready pair/a #281\n",
		} {
			if !strings.Contains(got, part) {
				t.Errorf("missing %q in:\n%s", part, got)
			}
		}
		if n := strings.Count(got, "\n"); n != 25 {
			t.Errorf("%d lines", n)
		}
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

func TestExpectAnyOrderFailsWithTheMissingLines(t *testing.T) {
	Run(t, func(t *testing.T) {
		events := record(t)
		events.ExpectAnyOrder(t, "child ready b", "child ready a")
		got := failureOf(t, func(t testing.TB) {
			events.ExpectAnyOrder(t, "child ready b", "supervisor started pair", "child ready a")
		})
		same(t, `expected within ten minutes of virtual time:
	child ready b
	child ready a
got (* as expected):
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
				same(t, "unexpected events (-want +got):\n"+c.diff, got)
			})
		})
	}
}

func TestALineThatCanMatchNoEventFailsTheTest(t *testing.T) {
	Run(t, func(t *testing.T) {
		for _, line := range []string{"chlid ready a", "child ready", "child ready ", "", "readiness of a"} {
			for name, expect := range map[string]func(*Recorder, testing.TB, ...string){
				"Expect": (*Recorder).Expect, "ExpectExactly": (*Recorder).ExpectExactly, "ExpectAnyOrder": (*Recorder).ExpectAnyOrder,
			} {
				got := failureOf(t, func(t testing.TB) { expect(new(Recorder), t, line) })
				want := fmt.Sprintf("invalid expectation %q, want one of these and a name:\n\tchild starting\n\tchild ready\n", line)
				kinds := sup.EventKinds()
				if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "\n\t"+kinds[len(kinds)-1].String()) {
					t.Errorf("%s(%q): %s", name, line, got)
				}
			}
		}
	})
}

func TestALineMatchesTheEventsThatItNames(t *testing.T) {
	exited := sup.Event{
		Kind: sup.ChildExited, Path: "orders/feeds/db", Incarnation: 2,
		Exit: sup.Exit{Kind: sup.ExitAbnormal, Err: errors.New("boom")},
	}
	waiting := sup.Event{Kind: sup.ChildRestarting, Path: "db", Incarnation: 12, Delay: time.Second, Exit: exited.Exit}
	for _, c := range []struct {
		line    string
		e       sup.Event
		matches bool
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
		if got := lineMatches(c.line, c.e); got != c.matches {
			t.Errorf("%q matches %q: %v", c.line, Line(c.e), got)
		}
	}
}

func TestACommandWithoutItsOneChildFailsTheTest(t *testing.T) {
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
		same(t, `crash of "c": no running child of this name; running: pair/a, pair/b`,
			command(func(f *Faults) { f.Crash("c", boom) }, pair()))
		same(t, `hang of "a": ambiguous name, want more of one path: other/a, pair/a`,
			command(func(f *Faults) { f.Hang("a") }, pair(), other))
		same(t, `panic of "a": no running child is reached (start the tree with suptest.InjectTree or Inject)`,
			command(func(f *Faults) { f.Panic("a", boom) }))
		same(t, `crash of "a": nil error; for a normal exit use Worker.Return`,
			command(func(f *Faults) { f.Crash("a", nil) }, pair()))
		same(t, `failing start of "a": nil error`,
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
		same(t, `goexit of "a": no running child of this name; running: pair/b`, got)
	})
}
