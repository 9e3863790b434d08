package main

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

// View implements tea.Model. It shows a summary, the children, and the keys.
func (t *top) View() tea.View {
	v := tea.NewView(t.draw())
	v.AltScreen = true
	v.WindowTitle = "supctl top " + termtext.Path(t.tree.Path)
	return v
}

// frame is the number of lines besides those of children.
const frame = 5

var (
	selectedStyle = lipgloss.NewStyle().Reverse(true)
	headStyle     = lipgloss.NewStyle().Underline(true)
)

func (t *top) draw() string {
	lines := []string{t.summary(), t.states(), ""}
	columns := func(id, state, up, restarts, last string) string {
		line := fmt.Sprintf("%s  %s  %8s  %8s  %s", padded(id, t.idWidth()), state, up, restarts, last)
		return ansi.Truncate(line, t.width, "…")
	}
	lines = append(lines, headStyle.Render(columns("CHILD", fmt.Sprintf(stateColumn, "STATE"), "FOR", "RESTARTS", "LAST EXIT")))
	children := t.children()
	from, to := t.visible(children)
	for _, c := range children[from:to] {
		id := displayID(c.ID)
		if c.Kind == sup.KindSupervisor {
			id += "/"
		}
		last := troubleCounts(descendantStates(c))
		if c.LastExit.Kind != sup.ExitNone {
			last = append(last, termtext.Line(c.LastExit.String()))
		}
		state := fmt.Sprintf(stateColumn, c.State)
		if c.ID != t.selectedID {
			state = stateStyle(c.State).Render(state)
		}
		line := columns(id, state, age(t.taken.Sub(c.Since)), fmt.Sprint(totalRestarts(c)), strings.Join(last, ", "))
		if c.ID == t.selectedID {
			line = selectedStyle.Render(ansi.Strip(line))
		}
		lines = append(lines, line)
	}
	for len(lines) < t.height-1 {
		lines = append(lines, "")
	}
	return strings.Join(append(lines, ansi.Truncate(t.footer(), t.width, "…")), "\n")
}

// stateColumn has the width of the longest state.
const stateColumn = "%-11v"

// padded pads or truncates text to a width. Characters can be two columns wide.
func padded(text string, width int) string {
	text = ansi.Truncate(text, width, "…")
	return text + strings.Repeat(" ", width-lipgloss.Width(text))
}

func (t *top) idWidth() int { return max(12, min(40, t.width/3)) }

func (t *top) summary() string {
	up := busy.Render("not running")
	if t.tree.Running {
		up = "up " + age(t.tree.Uptime)
	}
	return ansi.Truncate(fmt.Sprintf("%s  %s, %v, %d of %v restarts  %s", bold.Render(termtext.Path(t.tree.Path)), up, t.tree.Strategy,
		t.tree.Restarts, t.tree.Intensity, t.taken.Format("15:04:05")), t.width, "…")
}

// states summarizes the states of the children, and of troubled descendants.
func (t *top) states() string {
	here, further := make(map[sup.State]int), make(map[sup.State]int)
	for _, c := range t.tree.Children {
		here[c.State]++
		countDescendants(c, further)
	}
	parts := slices.Concat([]string{fmt.Sprintf("%d children", len(t.tree.Children))}, stateCounts(here), troubleCounts(further))
	return ansi.Truncate(strings.Join(parts, ", "), t.width, "…")
}

// descendantStates counts the descendants of a child by state.
func descendantStates(c sup.ChildInfo) map[sup.State]int {
	states := make(map[sup.State]int)
	countDescendants(c, states)
	return states
}

func countDescendants(c sup.ChildInfo, states map[sup.State]int) {
	if c.Supervisor == nil {
		return
	}
	for _, further := range c.Supervisor.Children {
		states[further.State]++
		countDescendants(further, states)
	}
}

// visible returns the range of children that fits and includes the selected one.
func (t *top) visible(children []sup.ChildInfo) (from, to int) {
	room := max(t.height-frame, 1)
	for i, c := range children {
		if c.ID == t.selectedID && i >= room {
			from = i - room + 1
		}
	}
	return from, min(from+room, len(children))
}

func (t *top) footer() string {
	switch {
	case t.pending != "":
		return busy.Render(fmt.Sprintf("%s %s? y: yes, any other key: no", t.pending, displayID(t.selectedID)))
	case t.failure != nil:
		return bad.Render(termtext.Line(t.failure.Error()))
	case t.notice != "":
		return termtext.Line(t.notice)
	}
	return faint.Render(fmt.Sprintf("s: sort (by %v)  enter: down  left: up  r: restart  t: terminate  q: quit", t.order))
}
