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
		Short: "Watch the children of the supervisor at PATH, those that restart most on top",
		Long: `Top shows the children of a supervisor, as they are now. Its keys:

  up, down      choose a child
  enter, right  go down to the children of a supervisor
  left          go up again
  s             sort by restarts, by uptime, or in start order
  r, t          restart or terminate the child; y to confirm
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
				return nil // it was interrupted, which is how one leaves
			}
			return err
		},
	}
	cmd.Flags().DurationVar(&interval, "interval", time.Second, "time between two looks")
	return cmd
}

const minInterval = 100 * time.Millisecond

// A top is what supctl top shows.
type top struct {
	ctx      context.Context
	control  control
	interval time.Duration

	tree    sup.SupervisorInfo
	taken   time.Time // when the tree was looked at
	failure error     // with the last look
	notice  string    // what became of the last call
	busy    bool      // a call is under way

	order      order
	selectedID string // id of the chosen child
	pending    string // "restart" or "terminate", until it is confirmed or not
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

func newTop(ctx context.Context, c control, interval time.Duration, first sup.SupervisorInfo) *top {
	t := &top{ctx: ctx, control: c, interval: interval, width: 80, height: 24}
	t.setTree(first)
	return t
}

// see takes in a look at the tree.
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

// children returns the children in the order in which they are shown.
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

// restartsBelow counts the restarts of a child and of all below it.
func totalRestarts(c sup.ChildInfo) int {
	n := c.Restarts
	if c.Supervisor != nil {
		for _, below := range c.Supervisor.Children {
			n += totalRestarts(below)
		}
	}
	return n
}

// What happens besides keys.
type (
	lookMsg struct {
		path string
		tree sup.SupervisorInfo
		err  error
	}
	tickMsg struct{}
	doneMsg struct{ notice string }
)

func (t *top) Init() tea.Cmd { return t.tick() }

func (t *top) tick() tea.Cmd {
	return tea.Tick(t.interval, func(time.Time) tea.Msg { return tickMsg{} })
}

func (t *top) look(path string) tea.Cmd {
	return func() tea.Msg {
		tree, err := t.control.Snapshot(t.ctx, path)
		return lookMsg{path, tree, err}
	}
}

func (t *top) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		t.width, t.height = msg.Width, msg.Height
	case tickMsg:
		return t, t.look(t.tree.Path)
	case lookMsg:
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
			t.notice = "nothing was done"
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
		t.notice = "it is no supervisor that is up"
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

// An enteredMsg brings another supervisor, whose children are shown from now
// on.
type enteredMsg struct {
	selected string // path of the child to choose, if any
	tree     sup.SupervisorInfo
	err      error
}

func (t *top) enter(path, chosen string) tea.Cmd {
	return func() tea.Msg {
		tree, err := t.control.Snapshot(t.ctx, path)
		return enteredMsg{chosen, tree, err}
	}
}

// call restarts or terminates the chosen child, if it is still the incarnation
// that is shown.
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
