package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/term"
	"github.com/spf13/cobra"

	"github.com/espalier-go/espalier/sup"
)

func (s *session) topCommand() *cobra.Command {
	var interval time.Duration
	cmd := &cobra.Command{
		Use:   "top [PATH]",
		Short: "Watch the children of the supervisor at PATH, sorted by restarts",
		Long: `Top shows the current children of a supervisor. Its keys:

  up, down      select a child
  enter, right  show the children of the selected supervisor
  left          show the parent
  s             sort by restarts, by uptime, or in start order
  r, t          restart or terminate the selected child; y confirms
  q             quit`,
		Args:              onePath(true),
		ValidArgsFunction: s.completePath(isSupervisor),
		RunE: func(cmd *cobra.Command, args []string) error {
			if !term.IsTerminal(os.Stdout.Fd()) || s.output != "text" {
				return usage("top needs a terminal: use supctl tree, or supctl -o json tree")
			}
			if interval < minInterval {
				return usage("--interval %v: use %v or more", interval, minInterval)
			}
			c, err := s.dial()
			if err != nil {
				return err
			}
			first, err := c.Snapshot(cmd.Context(), pathArgument(cmd.Context(), c, args))
			if err != nil {
				return err
			}
			t := newTop(cmd.Context(), c, interval, first)
			_, err = tea.NewProgram(t, tea.WithContext(cmd.Context())).Run()
			if cmd.Context().Err() != nil {
				return nil // an interrupt is a normal way to quit
			}
			return err
		},
	}
	cmd.Flags().DurationVar(&interval, "interval", time.Second, "time between two snapshots")
	return cmd
}

const minInterval = 100 * time.Millisecond

// A top is the model of supctl top.
type top struct {
	ctx      context.Context
	control  sup.Controller
	interval time.Duration

	tree    sup.SupervisorInfo
	taken   time.Time // time of tree
	failure error     // of the last snapshot
	notice  string    // result of the last call
	busy    bool      // a call is in progress

	order      order
	selectedID string // id of the selected child
	pending    string // "restart" or "terminate" while it waits for confirmation, else ""
	width      int
	height     int
}

type order int

const (
	byRestarts order = iota
	byUptime
	byStart
	orders
)

func (o order) String() string { return [...]string{"restarts", "uptime", "start order"}[o] }

func newTop(ctx context.Context, c sup.Controller, interval time.Duration, first sup.SupervisorInfo) *top {
	t := &top{ctx: ctx, control: c, interval: interval, width: 80, height: 24}
	t.setTree(first)
	return t
}

// setTree shows a new snapshot.
func (t *top) setTree(tree sup.SupervisorInfo) {
	t.tree, t.taken, t.failure = tree, time.Now(), nil
	children := t.children()
	if !slices.ContainsFunc(children, func(c sup.ChildInfo) bool { return c.ID == t.selectedID }) {
		t.selectedID = ""
		if len(children) > 0 {
			t.selectedID = children[0].ID
		}
	}
}

// children returns the children in the chosen order.
func (t *top) children() []sup.ChildInfo {
	children := slices.Clone(t.tree.Children)
	switch t.order {
	case byRestarts:
		slices.SortStableFunc(children, func(a, b sup.ChildInfo) int { return cmp.Compare(totalRestarts(b), totalRestarts(a)) })
	case byUptime:
		slices.SortStableFunc(children, func(a, b sup.ChildInfo) int { return b.Since.Compare(a.Since) })
	}
	return children
}

// totalRestarts returns the restarts of a child and its descendants.
func totalRestarts(c sup.ChildInfo) int {
	n := c.Restarts
	if c.Supervisor != nil {
		for _, below := range c.Supervisor.Children {
			n += totalRestarts(below)
		}
	}
	return n
}

// Messages besides keys.
type (
	// A snapshotMsg brings a new snapshot.
	snapshotMsg struct {
		path string
		tree sup.SupervisorInfo
		err  error
	}
	// A tickMsg asks for one.
	tickMsg struct{}
	// A doneMsg ends a call.
	doneMsg struct{ notice string }
)

// Init implements tea.Model.
func (t *top) Init() tea.Cmd { return t.tick() }

func (t *top) tick() tea.Cmd {
	return tea.Tick(t.interval, func(time.Time) tea.Msg { return tickMsg{} })
}

func (t *top) snapshot(path string) tea.Cmd {
	return func() tea.Msg {
		tree, err := t.control.Snapshot(t.ctx, path)
		return snapshotMsg{path, tree, err}
	}
}

// Update implements tea.Model.
func (t *top) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		t.width, t.height = msg.Width, msg.Height
	case tickMsg:
		return t, t.snapshot(t.tree.Path)
	case snapshotMsg:
		switch {
		case msg.err != nil:
			t.failure = msg.err
		default:
			t.setTree(msg.tree)
		}
		return t, t.tick()
	case enteredMsg:
		if msg.err != nil {
			t.notice = msg.err.Error()
			return t, nil
		}
		t.selectedID = ""
		for _, c := range msg.tree.Children {
			if sup.ChildPath(msg.tree.Path, c.ID) == msg.selected {
				t.selectedID = c.ID
			}
		}
		t.setTree(msg.tree)
	case doneMsg:
		t.busy, t.notice = false, msg.notice
	case tea.KeyPressMsg:
		return t, t.key(msg.String())
	}
	return t, nil
}

func (t *top) key(key string) tea.Cmd {
	if t.pending != "" {
		asked := t.pending
		t.pending = ""
		if key != "y" {
			t.notice = "cancelled"
			return nil
		}
		return t.operate(asked)
	}
	t.notice = ""
	switch key {
	case "q", "esc", "ctrl+c":
		return tea.Quit
	case "up", "k":
		t.choose(-1)
	case "down", "j":
		t.choose(1)
	case "s":
		t.order = (t.order + 1) % orders
	case "enter", "right", "l":
		if c, ok := t.selectedChild(); ok && c.Supervisor != nil {
			return t.enter(c.Supervisor.Path, "")
		}
		t.notice = "not a running supervisor"
	case "left", "h", "backspace":
		if at := strings.LastIndexByte(t.tree.Path, '/'); at >= 0 {
			return t.enter(t.tree.Path[:at], t.tree.Path)
		}
	case "r", "t":
		if _, ok := t.selectedChild(); ok && !t.busy {
			t.pending = map[string]string{"r": "restart", "t": "terminate"}[key]
		}
	}
	return nil
}

func (t *top) choose(by int) {
	children := t.children()
	if len(children) == 0 {
		return
	}
	at := slices.IndexFunc(children, func(c sup.ChildInfo) bool { return c.ID == t.selectedID })
	t.selectedID = children[min(max(at+by, 0), len(children)-1)].ID
}

func (t *top) selectedChild() (sup.ChildInfo, bool) {
	for _, c := range t.tree.Children {
		if c.ID == t.selectedID {
			return c, true
		}
	}
	return sup.ChildInfo{}, false
}

// An enteredMsg brings the snapshot of another supervisor.
type enteredMsg struct {
	selected string // path of the child to select, or ""
	tree     sup.SupervisorInfo
	err      error
}

func (t *top) enter(path, chosen string) tea.Cmd {
	return func() tea.Msg {
		tree, err := t.control.Snapshot(t.ctx, path)
		return enteredMsg{chosen, tree, err}
	}
}

// operate restarts or terminates the selected child, unless it has another incarnation
// than shown.
func (t *top) operate(what string) tea.Cmd {
	c, ok := t.selectedChild()
	if !ok {
		return nil
	}
	t.busy, t.notice = true, what+" …"
	target := sup.Target{Path: sup.ChildPath(t.tree.Path, c.ID), Incarnation: c.Incarnation}
	return func() tea.Msg {
		var err error
		if what == "restart" {
			err = t.control.Replace(t.ctx, target)
		} else {
			err = t.control.TerminateChild(t.ctx, target)
		}
		if err != nil {
			return doneMsg{err.Error()}
		}
		return doneMsg{fmt.Sprintf("%s: %sed", target.Path, strings.TrimSuffix(what, "e"))}
	}
}
