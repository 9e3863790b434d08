package suptest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

// Line writes an event as expectations name it: the kind, the path, and then,
// where the event has them, the incarnation, the delay, and the exit.
func Line(e sup.Event) string {
	return e.Kind.String() + " " + e.Path + strings.Join(details(e), "")
}

// shownLine is the line of an event in the output of a test, which goes to a terminal.
func shownLine(e sup.Event) string { return termtext.Text(Line(e)) }

// details are the parts of a line that an expectation may leave out.
func details(e sup.Event) []string {
	var all []string
	if e.Incarnation > 0 {
		all = append(all, fmt.Sprintf(" #%d", e.Incarnation))
	}
	if e.Delay > 0 {
		all = append(all, fmt.Sprintf(" after %v", e.Delay))
	}
	switch e.Kind {
	case sup.ChildExited, sup.SupervisorFailed, sup.ObserverPanicked: // others repeat it
		all = append(all, ": "+e.Exit.Kind.String())
		if e.Exit.Err != nil {
			all = append(all, ": "+fmt.Sprint(e.Exit.Err)) // survives a method that panics
		}
	}
	return all
}

// lineFits reports whether an expectation is the line of an event, or that with
// parts left out.
func lineFits(want string, e sup.Event) bool {
	rest, ok := strings.CutPrefix(want, e.Kind.String()+" ")
	if !ok {
		return false
	}
	for name := range names(e.Path) {
		if after, ok := strings.CutPrefix(rest, name); ok {
			for _, detail := range details(e) {
				after = strings.TrimPrefix(after, detail)
			}
			if after == "" {
				return true
			}
		}
	}
	return false
}

// checkLines fails the test if a line can fit no event at all, so that a typing
// error is not taken for an event that has not come.
func checkLines(t testing.TB, want []string) {
	t.Helper()
	var kinds []string
	for k := sup.ChildStarting; !strings.Contains(k.String(), "EventKind("); k++ {
		kinds = append(kinds, k.String())
	}
lines:
	for _, line := range want {
		for _, kind := range kinds {
			if name, ok := strings.CutPrefix(line, kind+" "); ok && name != "" {
				continue lines
			}
		}
		t.Fatalf("suptest: %q expects no event: write one of these, then a name:\n\t%s", line, strings.Join(kinds, "\n\t"))
	}
}

// diffLines compares expectations with events, and returns "" if they fit. It
// keeps as many lines as can be kept.
func diffLines(want []string, got []sup.Event) string {
	// kept[i][j] is how many of want[i:] and got[j:] can be paired.
	kept := make([][]int, len(want)+1)
	for i := range kept {
		kept[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			kept[i][j] = max(kept[i+1][j], kept[i][j+1])
			if lineFits(want[i], got[j]) {
				kept[i][j] = max(kept[i][j], 1+kept[i+1][j+1])
			}
		}
	}
	if kept[0][0] == len(want) && kept[0][0] == len(got) {
		return ""
	}
	var b strings.Builder
	for i, j := 0, 0; i < len(want) || j < len(got); {
		switch {
		case i < len(want) && j < len(got) && lineFits(want[i], got[j]):
			fmt.Fprintf(&b, "\t  %s\n", shownLine(got[j]))
			i, j = i+1, j+1
		case i < len(want) && (j == len(got) || kept[i+1][j] >= kept[i][j+1]):
			fmt.Fprintf(&b, "\t- %s\n", want[i])
			i++
		default:
			fmt.Fprintf(&b, "\t+ %s\n", shownLine(got[j]))
			j++
		}
	}
	return b.String()
}
