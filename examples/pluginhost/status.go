package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"charm.land/lipgloss/v2"
	"charm.land/lipgloss/v2/table"
	"github.com/charmbracelet/x/ansi"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/sup"
)

// A status is a snapshot of the progress and of the plugins.
type status struct {
	took        time.Duration
	found, kept int
	kinds       []kindStatus
	notes       []note
	ways        []string // to look at the host from outside
	legend      []string
}

type kindStatus struct {
	kind    content.Kind
	figures figures
	plugins []pluginStatus
}

type pluginStatus struct {
	name     string
	state    sup.State
	binary   string // empty if the plugin is not running
	pid      int
	restarts int
	reason   string // for which the plugin is not running
}

// status returns a snapshot. The kinds are read one after the other.
func (s *service) status() status {
	now := status{
		took:  time.Since(s.begin),
		found: s.host.Found.Len(),
		kept:  s.host.Results.Len(),
		notes: s.journal.last(6),
		ways:  s.ways(), legend: s.legend(),
	}
	for _, kind := range content.Kinds {
		p := s.pools[kind]
		k := kindStatus{kind: kind, figures: p.meter.figures()}
		for i, child := range p.children() {
			plugin := pluginStatus{name: p.name(i), state: child.State, restarts: child.Restarts}
			if child.State != sup.StateRunning && child.LastExit.Err != nil {
				plugin.reason = reasonText(child.LastExit.Err)
			}
			k.plugins = append(k.plugins, plugin)
		}
		for _, live := range p.live() {
			k.plugins[live.replica].binary, k.plugins[live.replica].pid = live.binary, live.pid
		}
		now.kinds = append(now.kinds, k)
	}
	return now
}

func (s status) calls() int {
	n := 0
	for _, k := range s.kinds {
		n += k.figures.calls
	}
	return n
}

func (s status) restarts() int {
	n := 0
	for _, k := range s.kinds {
		for _, p := range k.plugins {
			n += p.restarts
		}
	}
	return n
}

// quarantined returns the number of quarantined plugins.
func (s status) quarantined() int {
	n := 0
	for _, k := range s.kinds {
		for _, p := range k.plugins {
			if p.state == sup.StateQuarantined {
				n++
			}
		}
	}
	return n
}

// line returns the status as one line, with the rate of calls since an earlier status.
func (s status) line(before status) string {
	return fmt.Sprintf("%d of %d files, %.0f calls/s, %d restarts, %d quarantined",
		s.kept, s.found, s.rate(before), s.restarts(), s.quarantined())
}

func (s status) rate(before status) float64 {
	return perSecond(s.calls()-before.calls(), s.took-before.took)
}

func perSecond(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

var (
	bad  = lipgloss.NewStyle().Foreground(lipgloss.Red)
	busy = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	good = lipgloss.NewStyle().Foreground(lipgloss.Green)
	dim  = lipgloss.NewStyle().Faint(true)
	bold = lipgloss.NewStyle().Bold(true)
)

// render returns the status for a terminal, with the rates of calls since an earlier
// status.
func (s status) render(before status, width int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d of %d files, %v\n", bar(s.kept, s.found, 40), s.kept, s.found, s.took.Round(time.Second))
	for _, line := range s.ways {
		b.WriteString(wrap(line, width) + "\n") // a part of a URL would be of no use
	}
	b.WriteString("\n" + s.table(before).String() + "\n\n")
	for _, line := range s.legend {
		b.WriteString(dim.Render(clip(line, width)) + "\n")
	}
	for _, k := range s.kinds {
		for _, p := range k.plugins {
			if p.state == sup.StateQuarantined {
				b.WriteString(clip(bad.Render(p.name)+" is quarantined: "+p.reason, width) + "\n")
			}
		}
	}
	for _, n := range s.notes {
		b.WriteString(dim.Render(clip(n.String(), width)) + "\n")
	}
	return b.String()
}

// wrap breaks a line that is wider than the terminal.
func wrap(line string, width int) string {
	if width <= 0 {
		return line
	}
	return ansi.Hardwrap(line, width, true)
}

func clip(line string, width int) string {
	if width <= 0 {
		return line
	}
	return lipgloss.NewStyle().MaxWidth(width).MaxHeight(1).Render(line)
}

func bar(part, whole, width int) string {
	full := width * part / max(whole, 1)
	return "[" + strings.Repeat("#", full) + strings.Repeat(".", width-full) + "]"
}

// table returns a table with a row for each plugin. The first row of a kind has its
// figures.
func (s status) table(before status) *table.Table {
	t := plainTable("plugin", "state", "binary", "pid", "restarts", "calls", "calls/s", "p50", "p99")
	var states []sup.State
	for i, k := range s.kinds {
		for n, p := range k.plugins {
			row := []string{p.name, p.state.String(), p.binary, number(p.pid), strconv.Itoa(p.restarts), "", "", "", ""}
			if n == 0 {
				calls := k.figures.calls
				if i < len(before.kinds) {
					calls -= before.kinds[i].figures.calls
				}
				row = append(row[:5], strconv.Itoa(k.figures.calls),
					fmt.Sprintf("%.0f", perSecond(calls, s.took-before.took)),
					roundTime(k.figures.p50).String(), roundTime(k.figures.p99).String())
			}
			t.Row(row...)
			states = append(states, p.state)
		}
	}
	return t.StyleFunc(func(row, col int) lipgloss.Style {
		switch {
		case row == table.HeaderRow:
			return bold
		case col >= 3:
			return lipgloss.NewStyle().Align(lipgloss.Right)
		case col != 1:
			return lipgloss.NewStyle()
		}
		switch states[row] {
		case sup.StateRunning:
			return good
		case sup.StateQuarantined, sup.StateStuck:
			return bad
		}
		return busy
	})
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// roundTime rounds a time to about three digits.
func roundTime(d time.Duration) time.Duration {
	unit := time.Microsecond
	for d > 1000*unit {
		unit *= 10
	}
	return d.Round(unit)
}

func (n note) String() string { return n.at.Format(time.TimeOnly) + " " + n.text }

// summaryTable returns a table with a row for each kind.
func (s status) summaryTable() string {
	t := plainTable("plugins", "replicas", "restarts", "calls", "calls/s", "p50", "p99")
	for _, k := range s.kinds {
		restarts := 0
		for _, p := range k.plugins {
			restarts += p.restarts
		}
		t.Row(string(k.kind), strconv.Itoa(len(k.plugins)), strconv.Itoa(restarts), strconv.Itoa(k.figures.calls),
			fmt.Sprintf("%.0f", perSecond(k.figures.calls, s.took)), roundTime(k.figures.p50).String(), roundTime(k.figures.p99).String())
	}
	return t.StyleFunc(func(_, col int) lipgloss.Style {
		if col == 0 {
			return lipgloss.NewStyle()
		}
		return lipgloss.NewStyle().Align(lipgloss.Right)
	}).String()
}

func plainTable(headers ...string) *table.Table {
	return table.New().Border(lipgloss.HiddenBorder()).BorderTop(false).BorderBottom(false).
		BorderLeft(false).BorderRight(false).BorderHeader(false).Headers(headers...)
}
