package debug

import (
	"slices"
	"time"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

// A row is a child, or the supervisor at the top, as the page shows it. It is
// comparable.
type row struct {
	Path         string        `json:"path"`
	Parent       string        `json:"parent"` // "" for the row at the top
	ID           string        `json:"id"`     // escaped
	State        string        `json:"state"`
	Since        int64         `json:"since,omitempty"` // of the state, in ms since 1970
	Restart      string        `json:"restart,omitempty"`
	Significant  bool          `json:"significant,omitempty"`
	Incarnation  int           `json:"incarnation,omitempty"`
	Restarts     int           `json:"restarts,omitempty"`
	Failures     int           `json:"failures,omitempty"`
	Budget       window        `json:"budget,omitzero"` // zero if the child has no budget of its own
	Exit         string        `json:"exit,omitempty"`  // kind of the last exit
	Error        string        `json:"error,omitempty"` // of the last exit
	Stack        string        `json:"stack,omitempty"` // of a stuck child
	IsSupervisor bool          `json:"supervisor,omitempty"`
	Sup          supervisorRow `json:"sup,omitzero"` // zero for a worker, and for a supervisor that is down
}

// A supervisorRow has what the page shows of a supervisor only.
type supervisorRow struct {
	Strategy string `json:"strategy"`
	Window   window `json:"window"`
	Auto     string `json:"auto,omitempty"` // which significant children it ends with
	Up       int64  `json:"up,omitempty"`   // start time, in ms since 1970
}

// A window says how many of the allowed restarts are used.
type window struct {
	Limit  int   `json:"limit"`            // -1 means unlimited
	Within int64 `json:"within,omitempty"` // in ms
	Used   int   `json:"used,omitempty"`
}

func windowOf(i sup.Intensity, used int) window {
	return window{Limit: max(i.Restarts, -1), Within: i.Within.Milliseconds(), Used: used}
}

// rowsOf lists a tree, with parents before their children and children in start order.
func rowsOf(tree sup.SupervisorInfo, now time.Time) []row {
	top := row{
		Path: tree.Path, ID: termtext.Text(tree.Name), State: "not running",
		IsSupervisor: true, Sup: supervisorRowOf(tree, now),
	}
	if tree.Running {
		top.State = sup.StateRunning.String()
		top.Since = top.Sup.Up
	}
	return appendRows([]row{top}, tree, now)
}

func appendRows(rows []row, tree sup.SupervisorInfo, now time.Time) []row {
	rows = slices.Grow(rows, len(tree.Children))
	for _, c := range tree.Children {
		r := row{
			Path:         sup.ChildPath(tree.Path, c.ID),
			Parent:       tree.Path,
			ID:           termtext.Text(c.ID),
			State:        c.State.String(),
			Since:        c.Since.UnixMilli(),
			Restart:      c.Restart.String(),
			Significant:  c.Significant,
			Incarnation:  c.Incarnation,
			Restarts:     c.Restarts,
			Failures:     c.Failures,
			Stack:        clip(c.Stack, maxStack),
			IsSupervisor: c.Kind == sup.KindSupervisor,
		}
		if c.LastExit.Kind != sup.ExitNone {
			r.Exit, r.Error = c.LastExit.Kind.String(), exitText(c.LastExit)
		}
		if c.Policy.Budget != (sup.Intensity{}) {
			r.Budget = windowOf(c.Policy.Budget, c.BudgetUsed)
		}
		if c.Supervisor != nil {
			r.Sup = supervisorRowOf(*c.Supervisor, now)
		}
		rows = append(rows, r)
		if c.Supervisor != nil {
			rows = appendRows(rows, *c.Supervisor, now)
		}
	}
	return rows
}

func supervisorRowOf(tree sup.SupervisorInfo, now time.Time) supervisorRow {
	r := supervisorRow{Strategy: tree.Strategy.String(), Window: windowOf(tree.Intensity, tree.Restarts)}
	switch tree.AutoShutdown {
	case sup.AutoShutdownAnySignificant:
		r.Auto = "the first significant child"
	case sup.AutoShutdownAllSignificant:
		r.Auto = "the last significant child"
	}
	if tree.Uptime > 0 {
		r.Up = now.Add(-tree.Uptime).UnixMilli()
	}
	return r
}
