package replay

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
	"github.com/espalier-go/espalier/sup/suptest"
)

// hostile has one of each kind of character that controls a terminal or reorders
// text.
const hostile = "\x1b[2J\x07\r\x7f\u009b31m\u0085\u202e\u2066\u200f\u061c\u2028\U000e0041"

func mustBePrintable(t *testing.T, of, text string) {
	t.Helper()
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("%s has %q at byte %d of %q", of, []rune(text[i:])[0], i, text)
	}
}

// hostileRecord takes the record of a tree whose names and errors are hostile.
func hostileRecord(t *testing.T) *flight.Record {
	t.Helper()
	var record *flight.Record
	suptest.Run(t, func(t *testing.T) {
		faults := suptest.NewFaults(t)
		k := sup.NewKeyed(suptest.InjectKeyed(faults, sup.KeyedSpec[string, *suptest.Worker]{
			Name: "hall\u202e", Intensity: sup.Intensity{Restarts: 1, Within: time.Minute},
			Start: func(context.Context, string) (*suptest.Worker, error) { return new(suptest.Worker), nil },
		}))
		if err := k.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		suptest.Cleanup(t, k)
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
	back, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if len(back) != 1 || back[0].String() != text {
		t.Errorf("%d scenarios in\n%s", len(back), text)
	}
}
