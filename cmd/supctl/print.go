package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"

	"charm.land/lipgloss/v2"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

// displayID returns an id as it is written in a path.
func displayID(id string) string { return termtext.Path(sup.ChildPath("", id)[1:]) }

// shellQuoted returns a path quoted for a shell.
func shellQuoted(path string) string {
	path = termtext.Path(path)
	plain := func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("/-_.:%@+,", r)
	}
	if strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

// printJSON prints a value as one line of JSON that is safe to print to a terminal.
func printJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(termtext.JSON(b.Bytes()))
	return err
}

// Styles show the condition of a child.
var (
	good  = lipgloss.NewStyle().Foreground(lipgloss.Green)
	busy  = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	bad   = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	faint = lipgloss.NewStyle().Faint(true)
	bold  = lipgloss.NewStyle().Bold(true)
)

func stateStyle(s sup.State) lipgloss.Style {
	switch s {
	case sup.StateRunning:
		return good
	case sup.StateStuck, sup.StateQuarantined:
		return bad
	case sup.StateIdle, sup.StateStopped:
		return faint
	}
	return busy
}

// stateCounts returns the number of children in each state, in the order of the states.
func stateCounts(states map[sup.State]int) []string {
	var parts []string
	for state := sup.StateIdle; state <= sup.StateQuarantined; state++ {
		if n := states[state]; n > 0 {
			parts = append(parts, stateStyle(state).Render(fmt.Sprintf("%d %v", n, state)))
		}
	}
	return parts
}

// troubleCounts returns the numbers of descendants that are stuck or quarantined.
func troubleCounts(states map[sup.State]int) []string {
	var parts []string
	for _, state := range []sup.State{sup.StateStuck, sup.StateQuarantined} {
		if n := states[state]; n > 0 {
			parts = append(parts, stateStyle(state).Render(fmt.Sprintf("%d %v below", n, state)))
		}
	}
	return parts
}

// age formats a duration in its two largest units.
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

// short formats a duration as in source code, for example 1m and not 1m0s.
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

// usageText describes how much of an intensity or a budget is used.
func usageText(used int, of sup.Intensity) string {
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
