package suptest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

// Line formats an event as expectations name it: its kind and path and, where the
// event has them, its incarnation, delay and exit.
func Line(e sup.Event) string {
	line := e.Kind.String() + " " + e.Path
	if e.Incarnation > 0 {
		line += fmt.Sprintf(" #%d", e.Incarnation)
	}
	if e.Delay > 0 {
		line += fmt.Sprintf(" after %v", e.Delay)
	}
	if hasExit(e) {
		line += fmt.Sprintf(": %v", e.Exit) // Sprintf survives an Error method that panics
	}
	return line
}

// hasExit reports whether the line of an event has its exit, which other events repeat.
func hasExit(e sup.Event) bool {
	return e.Kind == sup.ChildExited || e.Kind == sup.SupervisorFailed || e.Kind == sup.ObserverPanicked
}

// printable is the line of an event for the output of a test, where a terminal must
// not obey what an error says.
func printable(e sup.Event) string { return termtext.Text(Line(e)) }

// details returns the parts of a line that an expectation may have or leave out.
func details(e sup.Event) []string {
	var all []string
	if e.Incarnation > 0 {
		all = append(all, fmt.Sprintf(" #%d", e.Incarnation))
	}
	if e.Delay > 0 {
		all = append(all, fmt.Sprintf(" after %v", e.Delay))
	}
	if hasExit(e) {
		all = append(all, ": "+e.Exit.Kind.String())
		if e.Exit.Err != nil {
			all = append(all, ": "+fmt.Sprint(e.Exit.Err))
		}
	}
	return all
}

// lineMatches reports whether an expectation is the line of an event, with or
// without its details.
func lineMatches(want string, e sup.Event) bool {
	return matchLine(want, e, func(detail string) bool {
		for _, d := range details(e) {
			detail = strings.TrimPrefix(detail, d)
		}
		return detail == ""
	})
}

// lineNears reports whether an expectation names the kind and the child of an event,
// with any details.
func lineNears(want string, e sup.Event) bool {
	return matchLine(want, e, func(detail string) bool {
		return detail == "" || strings.ContainsRune(" :", rune(detail[0]))
	})
}

// matchLine reports whether an expectation names the kind of an event and its child,
// and what follows the name is accepted.
func matchLine(want string, e sup.Event, accept func(details string) bool) bool {
	rest, ok := strings.CutPrefix(want, e.Kind.String()+" ")
	if !ok {
		return false
	}
	for name := range names(e.Path) {
		if after, ok := strings.CutPrefix(rest, name); ok && accept(after) {
			return true
		}
	}
	return false
}

// checkLines fails the test if a line can match no event at all, so that a typing
// error is not reported as a missing event.
func checkLines(t testing.TB, want []string) {
	t.Helper()
	var kinds []string
	for _, k := range sup.EventKinds() {
		kinds = append(kinds, k.String())
	}
lines:
	for _, line := range want {
		for _, kind := range kinds {
			if name, ok := strings.CutPrefix(line, kind+" "); ok && name != "" {
				continue lines
			}
		}
		t.Fatalf("invalid expectation %q, want one of these and a name:\n\t%s", line, strings.Join(kinds, "\n\t"))
	}
}

// diffLines returns the difference between expectations and events, with as many
// lines in common as possible, or "" if they match.
func diffLines(want []string, got []sup.Event) string {
	// kept[i][j] is the greatest number of pairs of want[i:] and got[j:].
	kept := make([][]int, len(want)+1)
	for i := range kept {
		kept[i] = make([]int, len(got)+1)
	}
	for i := len(want) - 1; i >= 0; i-- {
		for j := len(got) - 1; j >= 0; j-- {
			kept[i][j] = max(kept[i+1][j], kept[i][j+1])
			if lineMatches(want[i], got[j]) {
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
		case i < len(want) && j < len(got) && lineMatches(want[i], got[j]):
			fmt.Fprintf(&b, "\t  %s\n", printable(got[j]))
			i, j = i+1, j+1
		case i < len(want) && (j == len(got) || kept[i+1][j] >= kept[i][j+1]):
			fmt.Fprintf(&b, "\t- %s\n", want[i])
			i++
		default:
			fmt.Fprintf(&b, "\t+ %s\n", printable(got[j]))
			j++
		}
	}
	return b.String()
}
