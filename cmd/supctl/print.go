package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"charm.land/lipgloss/v2"

	"github.com/espalier-go/espalier/sup"
)

// printable makes text from another program harmless for a terminal: what is
// not to be printed is shown escaped, line ends excepted.
func printable(text string) string {
	clean := func(r rune) bool { return r == '\n' || unicode.IsPrint(r) }
	if strings.IndexFunc(text, func(r rune) bool { return !clean(r) || r == unicode.ReplacementChar }) < 0 {
		return text
	}
	var b strings.Builder
	for i, r := range text {
		switch {
		case r == unicode.ReplacementChar && text[i] != '\xef': // a byte that is no UTF-8
			fmt.Fprintf(&b, `\x%02x`, text[i])
		case clean(r):
			b.WriteRune(r)
		case r == '\t':
			b.WriteString("    ")
		default:
			q := strconv.QuoteRune(r)
			b.WriteString(q[1 : len(q)-1])
		}
	}
	return b.String()
}

// oneLine is printable, without line ends.
func oneLine(text string) string {
	return strings.Join(strings.FieldsFunc(printable(text), func(r rune) bool { return r == '\n' }), " / ")
}

// typed is a path as it can be typed: what is not to be printed is written %, and
// two hex digits for each byte.
func typed(path string) string {
	var b strings.Builder
	for len(path) > 0 {
		r, size := utf8.DecodeRuneInString(path)
		if unicode.IsPrint(r) && (r != utf8.RuneError || size > 1) {
			b.WriteRune(r)
		} else {
			for _, c := range []byte(path[:size]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		path = path[size:]
	}
	return b.String()
}

// typedID is an id as it stands in a path.
func typedID(id string) string { return typed(sup.ChildPath("", id)[1:]) }

// quoted is a path as a shell takes it.
func quoted(path string) string {
	path = typed(path)
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("/-_.:%@+,", r)
	}
	if strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// printJSON prints a value as one line of JSON.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// Colors stand for how a child is, not for what.
var (
	good  = lipgloss.NewStyle().Foreground(lipgloss.Green)
	busy  = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	bad   = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	faint = lipgloss.NewStyle().Faint(true)
	bold  = lipgloss.NewStyle().Bold(true)
)

func stateStyle(s sup.State) lipgloss.Style {
	switch s {
	case sup.Running:
		return good
	case sup.Stuck, sup.Quarantined:
		return bad
	case sup.Idle, sup.Stopped:
		return faint
	}
	return busy
}

// exitText tells of an exit that was asked for so that nobody takes it for a
// failure.
func exitText(e sup.Exit) string {
	if e.Kind != sup.ExitShutdown {
		return e.String()
	}
	if stop, ok := errors.AsType[*sup.StopError](e.Err); ok && stop.Reason == sup.ByOperator {
		return "shutdown: an operator has asked for it"
	}
	if e.Err == context.Canceled {
		return "shutdown: it was asked to stop"
	}
	return e.String()
}

// counted lists how many children are in each state, in the order of the
// states.
func counted(states map[sup.State]int) []string {
	var parts []string
	for state := sup.Idle; state <= sup.Quarantined; state++ {
		if n := states[state]; n > 0 {
			parts = append(parts, stateStyle(state).Render(fmt.Sprintf("%d %v", n, state)))
		}
	}
	return parts
}

// troubles lists how many children are in a state that somebody has to see to.
func troubles(states map[sup.State]int) []string {
	var parts []string
	for _, state := range []sup.State{sup.Stuck, sup.Quarantined} {
		if n := states[state]; n > 0 {
			parts = append(parts, stateStyle(state).Render(fmt.Sprintf("%d %v below", n, state)))
		}
	}
	return parts
}

// age prints how long ago something was, in the two largest units.
func age(d time.Duration) string {
	d = max(d, 0)
	const day = 24 * time.Hour
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(time.Second / 10).String()
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	case d < day:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	}
	d = d.Round(time.Hour)
	return fmt.Sprintf("%dd%02dh", d/day, d%day/time.Hour)
}

// short prints a time as it is written in a declaration: 1m, not 1m0s.
func short(d time.Duration) string {
	text := d.String()
	if hours, ok := strings.CutSuffix(text, "h0m0s"); ok {
		return hours + "h"
	}
	if minutes, ok := strings.CutSuffix(text, "m0s"); ok {
		return minutes + "m"
	}
	return text
}

// spent tells how much of an intensity, or of a budget, is used up.
func spent(used int, of sup.Intensity) string {
	if of.Restarts < 0 {
		return "unlimited"
	}
	return fmt.Sprintf("%d of %d in %s", used, of.Restarts, short(of.Within))
}

func since(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return age(time.Since(t))
}

func restarts(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "1 restart"
	}
	return fmt.Sprintf("%d restarts", n)
}
