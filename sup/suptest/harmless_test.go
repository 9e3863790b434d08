package suptest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
)

// hostile is what a terminal obeys, of each kind, and what reorders text.
const hostile = "\x1b[2J\x07\r\x7f\u009b31m\u0085\u202e\u2066\u200f\u061c\u2028\U000e0041"

func mustBePrintable(t *testing.T, of, text string) {
	t.Helper()
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("%s has %q at byte %d of %q", of, []rune(text[i:])[0], i, text)
	}
}

// hostileRecord is the record of a tree whose names and errors are hostile.
func hostileRecord(t *testing.T) *flight.Record {
	t.Helper()
	var record *flight.Record
	Run(t, func(t *testing.T) {
		faults := NewFaults(t)
		k := sup.NewKeyed(InjectKeyed(faults, sup.KeyedSpec[string, *Worker]{
			Name: "hall\u202e", Intensity: sup.Intensity{Restarts: 1, Within: time.Minute},
			Start: func(context.Context, string) (*Worker, error) { return new(Worker), nil },
		}))
		if err := k.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		Cleanup(t, k)
		if _, err := k.StartChild(t.Context(), hostile); err != nil {
			t.Fatal(err)
		}
		faults.Crash(sup.ChildPath("", hostile)[1:], errors.New("broke "+hostile+"\nscenario forged"))
		var err error
		if record, err = flight.Take(t.Context(), sup.Inspect(k), ""); err != nil {
			t.Fatal(err)
		}
	})
	return record
}

func TestAScenarioOfARecordIsHarmlessForATerminal(t *testing.T) {
	sc := ScenarioOf(hostileRecord(t))
	text := sc.String()
	mustBePrintable(t, "the scenario", text)
	back, err := ReadScenarios(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if len(back) != 1 || back[0].String() != text {
		t.Errorf("%d scenarios in\n%s", len(back), text)
	}
}

func TestAFieldOfAHostilePathIsReadBack(t *testing.T) {
	path := sup.ChildPath("hall\u202e", hostile)
	field := fieldOf(path)
	mustBePrintable(t, "the field", field)
	if back := pathOf(field); back != path {
		t.Errorf("%q reads as %q, not %q", field, back, path)
	}
}

func TestTheOutputOfAFailedTestIsHarmlessForATerminal(t *testing.T) {
	record := hostileRecord(t)
	events := new(Recorder)
	for _, e := range record.Events {
		events.Observe(e)
	}
	Run(t, func(t *testing.T) {
		failure := failureOf(t, func(t testing.TB) { events.ExpectExactly(t, "child ready nobody") })
		mustBePrintable(t, "ExpectExactly", failure)
		if !strings.Contains(failure, `broke \x1b[2J`) {
			t.Errorf("the error is not shown: %s", failure)
		}
	})
	var replayed Recorder
	for _, e := range record.Events {
		replayed.Observe(e)
	}
	Run(t, func(t *testing.T) {
		mustBePrintable(t, "Expect", failureOf(t, func(t testing.TB) { replayed.Expect(t, "child ready nobody") }))
	})
	Run(t, func(t *testing.T) {
		k := sup.NewKeyed(sup.KeyedSpec[string, *Worker]{Start: func(context.Context, string) (*Worker, error) { return new(Worker), nil }})
		if err := k.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		Cleanup(t, k)
		if _, err := k.StartChild(t.Context(), hostile); err != nil {
			t.Fatal(err)
		}
		mustBePrintable(t, "Crash", failureOf(t, func(t testing.TB) { NewFaults(t).Crash("nobody", errors.New("boom")) }))
	})
	Run(t, func(t *testing.T) {
		mustBePrintable(t, "Cleanup", failureOf(t, func(t testing.TB) { Cleanup(t, stuckTree{}) }))
	})
}

// stuckTree is a tree that does not stop.
type stuckTree struct{}

func (stuckTree) Shutdown(context.Context) error {
	return &sup.StuckError{Children: []sup.StuckChild{{Path: "hall/" + hostile, Incarnation: 1, Stack: "main.f()\n"}}}
}
