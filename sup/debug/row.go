package debug

import (
	"slices"
	"strings"
	"time"

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
	Exit        string     `json:"exit,omitempty"` // the kind of the last one
	Error       string     `json:"error,omitempty"`
	Stack       string     `json:"stack,omitempty"` // of a stuck child
	Supervisor  bool       `json:"supervisor,omitempty"`
	Life        supervisor `json:"life,omitzero"` // of a supervisor that is up
}

// A supervisor is what a row says about one besides.
type supervisor struct {
	Strategy string `json:"strategy"`
	Limit    int    `json:"limit"`            // restarts that it bears within the window; -1: any
	Within   int64  `json:"within,omitempty"` // the window, in ms
	Used     int    `json:"used,omitempty"`
	Up       int64  `json:"up,omitempty"` // since when, in ms since 1970
}

// rowsOf lists a tree, parents before their children, and children in start
// order.
func rowsOf(tree sup.SupervisorInfo, now time.Time) []row {
	top := row{
		Path: tree.Path, ID: tree.Name, State: "not running",
		Supervisor: true, Life: lifeOf(tree, now),
	}
	if tree.Running {
		top.State = sup.Running.String()
		top.Since = top.Life.Up
	}
	return appendRows([]row{top}, tree, now)
}

func appendRows(rows []row, tree sup.SupervisorInfo, now time.Time) []row {
	rows = slices.Grow(rows, len(tree.Children))
	for _, c := range tree.Children {
		r := row{
			Path:        tree.Path + "/" + escaped(c.ID),
			Parent:      tree.Path,
			ID:          c.ID,
			State:       c.State.String(),
			Since:       c.Since.UnixMilli(),
			Restart:     c.Restart.String(),
			Significant: c.Significant,
			Incarnation: c.Incarnation,
			Restarts:    c.Restarts,
			Stack:       clip(c.Stack, maxStack),
			Supervisor:  c.Kind == sup.KindSupervisor,
		}
		if c.LastExit.Kind != sup.ExitNone {
			r.Exit, r.Error = c.LastExit.Kind.String(), textOf(c.LastExit)
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
	life := supervisor{
		Strategy: tree.Strategy.String(),
		Limit:    tree.Intensity.Restarts,
		Within:   tree.Intensity.Within.Milliseconds(),
		Used:     tree.Restarts,
	}
	if tree.Intensity.Restarts < 0 {
		life.Limit = -1
	}
	if tree.Uptime > 0 {
		life.Up = now.Add(-tree.Uptime).UnixMilli()
	}
	return life
}

var escapes = strings.NewReplacer("%", "%25", "/", "%2F")

// escaped is an id as it stands in a path.
func escaped(id string) string {
	if !strings.ContainsAny(id, "%/") {
		return id
	}
	return escapes.Replace(id)
}
