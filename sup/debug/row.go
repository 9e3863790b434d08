package debug

import (
	"slices"
	"time"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

// A row is a child, or the supervisor at the top, as the page shows it. Rows
// can be compared.
type row struct {
	Path        string     `json:"path"`
	Parent      string     `json:"parent"` // "" of the top
	ID          string     `json:"id"`
	State       string     `json:"state"`
	Since       int64      `json:"since,omitempty"` // of the state, in ms since 1970
	Restart     string     `json:"restart,omitempty"`
	Significant bool       `json:"significant,omitempty"`
	Incarnation int        `json:"incarnation,omitempty"`
	Restarts    int        `json:"restarts,omitempty"`
	Failures    int        `json:"failures,omitempty"`
	Budget      window     `json:"budget,omitzero"` // its own, of a child that has one
	Exit        string     `json:"exit,omitempty"`  // the kind of the last one
	Error       string     `json:"error,omitempty"`
	Stack       string     `json:"stack,omitempty"` // of a stuck child
	Supervisor  bool       `json:"supervisor,omitempty"`
	Life        supervisor `json:"life,omitzero"` // of a supervisor that is up
}

// A supervisor is what a row says about one besides.
type supervisor struct {
	Strategy string `json:"strategy"`
	Window   window `json:"window"`
	Up       int64  `json:"up,omitempty"` // since when, in ms since 1970
}

// A window is how many restarts have been used of those that are allowed.
type window struct {
	Limit  int   `json:"limit"`            // -1: any number
	Within int64 `json:"within,omitempty"` // in ms
	Used   int   `json:"used,omitempty"`
}

func windowOf(i sup.Intensity, used int) window {
	return window{Limit: max(i.Restarts, -1), Within: i.Within.Milliseconds(), Used: used}
}

// rowsOf lists a tree, parents before their children, and children in start
// order.
func rowsOf(tree sup.SupervisorInfo, now time.Time) []row {
	top := row{
		Path: tree.Path, ID: termtext.Text(tree.Name), State: "not running",
		Supervisor: true, Life: lifeOf(tree, now),
	}
	if tree.Running {
		top.State = sup.StateRunning.String()
		top.Since = top.Life.Up
	}
	return appendRows([]row{top}, tree, now)
}

func appendRows(rows []row, tree sup.SupervisorInfo, now time.Time) []row {
	rows = slices.Grow(rows, len(tree.Children))
	for _, c := range tree.Children {
		r := row{
			Path:        sup.ChildPath(tree.Path, c.ID),
			Parent:      tree.Path,
			ID:          termtext.Text(c.ID),
			State:       c.State.String(),
			Since:       c.Since.UnixMilli(),
			Restart:     c.Restart.String(),
			Significant: c.Significant,
			Incarnation: c.Incarnation,
			Restarts:    c.Restarts,
			Failures:    c.Failures,
			Stack:       clip(c.Stack, maxStack),
			Supervisor:  c.Kind == sup.KindSupervisor,
		}
		if c.LastExit.Kind != sup.ExitNone {
			r.Exit, r.Error = c.LastExit.Kind.String(), textOf(c.LastExit)
		}
		if c.Policy.Budget != (sup.Intensity{}) {
			r.Budget = windowOf(c.Policy.Budget, c.BudgetUsed)
		}
		if c.Supervisor != nil {
			r.Life = lifeOf(*c.Supervisor, now)
		}
		rows = append(rows, r)
		if c.Supervisor != nil {
			rows = appendRows(rows, *c.Supervisor, now)
		}
	}
	return rows
}

func lifeOf(tree sup.SupervisorInfo, now time.Time) supervisor {
	life := supervisor{Strategy: tree.Strategy.String(), Window: windowOf(tree.Intensity, tree.Restarts)}
	if tree.Uptime > 0 {
		life.Up = now.Add(-tree.Uptime).UnixMilli()
	}
	return life
}
