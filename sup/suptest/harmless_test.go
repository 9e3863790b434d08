package suptest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"unicode"

	"github.com/espalier-go/espalier/sup"
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

func TestTheOutputOfAFailedTestIsHarmlessForATerminal(t *testing.T) {
	hostileEvents := func() *Recorder {
		events := new(Recorder)
		for _, kind := range []sup.EventKind{sup.ChildStarting, sup.ChildReady, sup.ChildExited} {
			e := sup.Event{Kind: kind, Path: sup.ChildPath("hall\u202e", hostile), ID: hostile, Incarnation: 1}
			if kind == sup.ChildExited {
				e.Exit = sup.Exit{Kind: sup.ExitAbnormal, Err: errors.New("broke " + hostile)}
			}
			events.Observe(e)
		}
		return events
	}
	Run(t, func(t *testing.T) {
		failure := failureOf(t, func(t testing.TB) { hostileEvents().ExpectExactly(t, "child ready nobody") })
		mustBePrintable(t, "ExpectExactly", failure)
		if !strings.Contains(failure, `broke \x1b[2J`) {
			t.Errorf("the error is missing: %s", failure)
		}
	})
	Run(t, func(t *testing.T) {
		mustBePrintable(t, "Expect", failureOf(t, func(t testing.TB) { hostileEvents().Expect(t, "child ready nobody") }))
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

// stuckTree is a tree that cannot be shut down.
type stuckTree struct{}

func (stuckTree) Shutdown(context.Context) error {
	return &sup.StuckError{Children: []sup.StuckChild{{Path: "hall/" + hostile, Incarnation: 1, Stack: "main.f()\n"}}}
}
