package sup

import (
	"fmt"
	"strings"
	"time"
)

// ChildInfo is a snapshot of a child. Its JSON form can be read back, except that
// errors become their texts.
type ChildInfo struct {
	// ID is the id of the child among its siblings.
	ID string `json:"id"`
	// Kind says whether the child is a supervisor.
	Kind Kind `json:"kind"`
	// Restart is the restart policy of the child.
	Restart Restart `json:"restart"`
	// Significant is set if the child can end its supervisor, see [AutoShutdown].
	Significant bool `json:"significant"`
	// Added is set if the child was added at run time by StartChild.
	Added bool `json:"added"`
	// Needs are the ids of the siblings that the child needs. It must not be changed.
	Needs []string `json:"needs,omitzero"`
	// State is the state of the child now.
	State State `json:"state"`
	// Incarnation is the number of the current or last incarnation. 0 means that
	// none has begun.
	Incarnation int `json:"incarnation"`
	// Restarts counts the incarnations that the supervisor began to replace another.
	// First starts and operator calls do not count.
	Restarts int `json:"restarts"`
	// Failures counts the abnormal exits.
	Failures int `json:"failures"`
	// BudgetUsed counts the restarts within the window of the child's own budget now.
	BudgetUsed int `json:"budgetUsed"`
	// LastExit is the exit of the last incarnation that ended. It is the zero Exit if
	// none has ended.
	LastExit Exit `json:"lastExit"`
	// Since is the time when the child entered its state.
	Since time.Time `json:"since"`
	// Stack holds the stacks of the goroutines of a stuck child. It is empty in any
	// other state.
	Stack string `json:"stack,omitzero"`
	// Policy holds further fields of the child's spec.
	Policy Policy `json:"policy,omitzero"`
	// Supervisor is the snapshot of a child that is a supervisor, or of its last
	// incarnation if it is down. It is nil for a worker, and in any snapshot that does
	// not include descendants.
	Supervisor *SupervisorInfo `json:"supervisor,omitzero"`
}

// Counts counts what has happened to some children. The numbers never fall.
type Counts struct {
	Starts   int `json:"starts"`   // incarnations begun
	Restarts int `json:"restarts"` // incarnations begun by a supervisor to replace another
	Failures int `json:"failures"` // abnormal exits
}

// plus returns the sum.
func (c Counts) plus(d Counts) Counts {
	return Counts{c.Starts + d.Starts, c.Restarts + d.Restarts, c.Failures + d.Failures}
}

// minus returns the difference.
func (c Counts) minus(d Counts) Counts {
	return Counts{c.Starts - d.Starts, c.Restarts - d.Restarts, c.Failures - d.Failures}
}

// Retired holds the counters of children that no longer exist, because they were
// removed or because their supervisor has ended.
type Retired struct {
	// Supervisor is the path of their supervisor below the one whose snapshot this
	// is. It is "" for that supervisor itself. [Template] in it stands for every
	// member of a set.
	Supervisor string `json:"supervisor"`
	// Child is the id of the child. It is [Template] for all children added at run
	// time and all members of a [Replicas].
	//
	// At most a thousand different pairs of Supervisor and Child are kept apart. In
	// the sum of all others both are Template.
	Child string `json:"child"`
	// Counts are the counters of these children together.
	Counts
}

// Policy holds the fields of a [ChildSpec] that a snapshot shows besides Restart and
// Significant. It is the zero Policy if the spec sets none of them.
type Policy struct {
	// Shutdown is the time for stopping as declared. 0 means the default. See also
	// [Infinity] and [Brutal].
	Shutdown time.Duration `json:"shutdown,omitzero"`
	// StartTimeout is the time for starting. 0 means no limit.
	StartTimeout time.Duration `json:"startTimeout,omitzero"`
	// Backoff is the delay of restarts, with its defaults filled in.
	Backoff Backoff `json:"backoff,omitzero"`
	// Budget is the child's own intensity, with its defaults filled in. The zero value
	// means that the child has none.
	Budget Intensity `json:"budget,omitzero"`
	// Watchdog is the longest time between two beats. 0 means no watchdog.
	Watchdog time.Duration `json:"watchdog,omitzero"`
	// Stuck says what happens when the child does not stop in time.
	Stuck WhenStuck `json:"stuck,omitzero"`
}

// SupervisorInfo is a snapshot of a supervisor and all its descendants. The part of
// each supervisor shows one moment.
//
// [Inspector.Status] returns a summary. It has Seq, States and Below in place of
// Retired and Children.
type SupervisorInfo struct {
	// Name is the Name of the spec.
	Name string `json:"name"`
	// Path is the path of the supervisor.
	Path string `json:"path"`
	// Strategy is the strategy of the supervisor.
	Strategy Strategy `json:"strategy"`
	// Intensity is the intensity of the supervisor.
	Intensity Intensity `json:"intensity"`
	// AutoShutdown says whether the supervisor ends with its significant children.
	AutoShutdown AutoShutdown `json:"autoShutdown"`
	// Set says whether the children share one declaration.
	Set SetKind `json:"set"`
	// Max is the most children that a [Keyed] may have. 0 means no limit.
	Max int `json:"max,omitzero"`
	// Running is set while the supervisor runs.
	Running bool `json:"running"`
	// Uptime is the time since the supervisor was started. It is 0 if the supervisor
	// has not been started or has ended.
	Uptime time.Duration `json:"uptime"`
	// Restarts counts the restarts within the window of the intensity now. It is 0 if
	// the intensity is unlimited.
	Restarts int `json:"restarts"`
	// LastEvent is the number of the last event on the supervisor's own record. 0
	// means that the record is empty.
	LastEvent uint64 `json:"lastEvent"`
	// Retired holds the counters of children of the supervisor and its descendants
	// that no longer exist, since the tree was first started.
	Retired []Retired `json:"retired,omitzero"`
	// Merged is set if the supervisor has ended and the counters of its children have
	// been added to the Retired of its parent. Its own Retired is then empty.
	Merged bool `json:"merged,omitzero"`
	// Children are the children in start order. It is nil in a summary.
	Children []ChildInfo `json:"children"`

	// Seq is the number of the last event of the tree. It is set in a summary only.
	Seq uint64 `json:"seq,omitzero"`
	// States counts the children in each state. States of no child are absent. It is
	// set in a summary only.
	States map[State]int `json:"states,omitzero"`
	// Below counts the descendants other than children in each state. It is set in a
	// summary only.
	Below map[State]int `json:"below,omitzero"`
}

// String draws the tree with one line per child. The line shows the last exit of a
// child that failed or has ended for good.
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
		if len(c.Needs) > 0 {
			fmt.Fprintf(b, ", needs %s", strings.Join(c.Needs, ", "))
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

// Template stands for many children at once, in a path or as an id. They are members
// of a set or were added at run time.
const Template = "*"
