package sup

import (
	"fmt"
	"strings"
	"time"
)

// ChildInfo is a snapshot of a child.
type ChildInfo struct {
	ID          string          `json:"id"`
	Kind        Kind            `json:"kind"`
	Restart     Restart         `json:"restart"`
	Significant bool            `json:"significant"`
	Added       bool            `json:"added"` // at run time: by StartChild, or to a [Keyed]
	State       State           `json:"state"`
	Incarnation int             `json:"incarnation"`    // the current or last one; 0 before the first
	Restarts    int             `json:"restarts"`       // incarnations that no operator and no start asked for
	Failures    int             `json:"failures"`       // exits that were abnormal
	BudgetUsed  int             `json:"budgetUsed"`     // counted within the window of its own budget, now
	LastExit    Exit            `json:"lastExit"`       // how the last one that ended did
	Since       time.Time       `json:"since"`          // of the state
	Stack       string          `json:"stack,omitzero"` // of a stuck child
	Policy      Policy          `json:"policy,omitzero"`
	Supervisor  *SupervisorInfo `json:"supervisor,omitzero"` // of a child that is a supervisor, as it was last if it is down; only in [Supervisor.Snapshot]
}

// Counts are what has happened to some children. They never fall.
type Counts struct {
	Starts   int `json:"starts"`   // incarnations
	Restarts int `json:"restarts"` // of them, those that no operator and no start asked for
	Failures int `json:"failures"` // exits that were abnormal
}

// Plus returns the sum.
func (c Counts) Plus(d Counts) Counts {
	return Counts{c.Starts + d.Starts, c.Restarts + d.Restarts, c.Failures + d.Failures}
}

// Past is what had happened to children that are there no longer: they have
// been removed, or the life of their supervisor has ended.
type Retired struct {
	Supervisor string `json:"supervisor"` // theirs: the path below the supervisor that tells of it, "" for itself; [Template] stands for each member of a set
	Child      string `json:"child"`      // its id, or [Template] for all that were added at run time, and those of [Replicas]; both are for what is above a thousand different ones
	Counts
}

// Policy is what a snapshot tells of the declaration of a child besides its
// restart policy: the fields of its [ChildSpec], with the defaults of Backoff and
// Budget filled in. It is the zero Policy if nothing was declared.
type Policy struct {
	Shutdown     time.Duration `json:"shutdown,omitzero"` // as declared: 0 is the default, see also Infinity and Brutal
	StartTimeout time.Duration `json:"startTimeout,omitzero"`
	Backoff      Backoff       `json:"backoff,omitzero"`
	Budget       Intensity     `json:"budget,omitzero"`
	Watchdog     time.Duration `json:"watchdog,omitzero"`
	Stuck        WhenStuck     `json:"stuck,omitzero"`
}

// A Status sums up a supervisor.
type Status struct {
	Name      string        `json:"name"`
	Path      string        `json:"path"`
	Strategy  Strategy      `json:"strategy"`
	Intensity Intensity     `json:"intensity"`
	Set       SetKind       `json:"set"`
	Max       int           `json:"max,omitzero"` // of a [Keyed]: how many children it may have; 0 for no bound
	Running   bool          `json:"running"`
	Uptime    time.Duration `json:"uptime"`   // 0 if it is not up
	Restarts  int           `json:"restarts"` // counted within the window of the intensity, now; 0 if that is unlimited
	Seq       uint64        `json:"seq"`      // the number of the last event of the tree
	Children  int           `json:"children"`
	States    map[State]int `json:"states"` // how many children are in each; those of no child are not there
	Below     map[State]int `json:"below"`  // the same of those further down
}

// SupervisorInfo is a snapshot of a supervisor and all that is below it.
type SupervisorInfo struct {
	Name         string        `json:"name"`
	Path         string        `json:"path"`
	Strategy     Strategy      `json:"strategy"`
	Intensity    Intensity     `json:"intensity"`
	AutoShutdown AutoShutdown  `json:"autoShutdown"`
	Set          SetKind       `json:"set"`
	Max          int           `json:"max,omitzero"` // of a [Keyed]: how many children it may have; 0 for no bound
	Running      bool          `json:"running"`
	Uptime       time.Duration `json:"uptime"`           // 0 if it is not up
	Restarts     int           `json:"restarts"`         // counted within the window of the intensity, now; 0 if that is unlimited
	LastEvent    uint64        `json:"lastEvent"`        // the number of the last event on its own record; 0 if there is none
	Retired      []Retired     `json:"retired,omitzero"` // of children that are gone, here and below, since the tree was first started
	Merged       bool          `json:"merged,omitzero"`  // it has ended, and what happened to its children is in the Past of the one above already, and its own empty
	Children     []ChildInfo   `json:"children"`         // in start order
}

// String draws the tree, a line a child, with the last exit of those that failed
// or have ended for good.
func (i SupervisorInfo) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %v %v", i.Name, i.Strategy, i.Intensity)
	if !i.Running {
		b.WriteString(", not running")
	}
	b.WriteByte('\n')
	i.draw(&b, "")
	return b.String()
}

func (i SupervisorInfo) draw(b *strings.Builder, indent string) {
	for n, c := range i.Children {
		branch, below := "├── ", "│   "
		if n == len(i.Children)-1 {
			branch, below = "└── ", "    "
		}
		fmt.Fprintf(b, "%s%s%s %v %v", indent, branch, c.ID, c.Restart, c.State)
		if c.Supervisor != nil {
			fmt.Fprintf(b, ", %v %v", c.Supervisor.Strategy, c.Supervisor.Intensity)
		}
		if c.Restarts > 0 {
			fmt.Fprintf(b, ", restarts %d", c.Restarts)
		}
		if c.LastExit.Kind == ExitAbnormal || c.LastExit.Kind == ExitNormal && c.State.AtRest() {
			exit := fmt.Sprint(c.LastExit) // joined errors have a line each
			fmt.Fprintf(b, ", last exit %s", strings.ReplaceAll(exit, "\n", " / "))
		}
		b.WriteByte('\n')
		if c.Supervisor != nil {
			c.Supervisor.draw(b, indent+below)
		}
	}
}

// Template stands for the ids of the members of a set, and of children that were
// added at run time, where many of them are told of as one.
const Template = "*"
