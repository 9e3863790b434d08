package sup

import (
	"fmt"
	"strings"
	"time"
)

// Kind tells a supervisor from a worker.
type Kind uint8

const (
	// KindWorker is a child that is no supervisor, or that has not been made.
	KindWorker Kind = iota
	// KindSupervisor is a child that is one.
	KindSupervisor
)

// String returns "worker" or "supervisor".
func (k Kind) String() string { return nameOf(k, "worker", "supervisor") }

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
	Supervisor  *SupervisorInfo `json:"supervisor,omitzero"` // of a child that is a supervisor, as it was last if it is down; only in [Supervisor.Tree]
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
	Uptime       time.Duration `json:"uptime"`          // 0 if it is not up
	Restarts     int           `json:"restarts"`        // counted within the window of the intensity, now; 0 if that is unlimited
	LastEvent    uint64        `json:"lastEvent"`       // the number of the last event on its own record; 0 if there is none
	Past         []Past        `json:"past,omitzero"`   // of children that are gone, here and below, since the tree was first started
	Handed       bool          `json:"handed,omitzero"` // it has ended, and what happened to its children is in the Past of the one above already, and its own empty
	Children     []ChildInfo   `json:"children"`        // in start order
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

// Children returns a snapshot of the children, in start order. Like all
// queries it waits for no start, stop or round.
func (f *supervision) Children() []ChildInfo {
	info, _ := f.current().look()
	return info.Children
}

// Tree returns a snapshot of the supervisor and everything below it. Each
// supervisor's part is of one moment.
func (f *supervision) Tree() SupervisorInfo {
	return f.current().tree()
}

func (s *core) tree() SupervisorInfo {
	info, nested := s.look()
	for _, n := range nested {
		below := n.life.tree()
		if n.handed {
			below.hand()
		}
		info.Children[n.at].Supervisor = &below
	}
	return info
}

// hand marks a snapshot of what has been counted above already, at every level.
func (i *SupervisorInfo) hand() {
	i.Handed, i.Past = true, nil
	for _, c := range i.Children {
		if c.Supervisor != nil {
			c.Supervisor.hand()
		}
	}
}

// nestedCore is a supervisor among the children, and its index.
type nestedCore struct {
	at     int
	life   *core
	handed bool
}

// look returns a snapshot of this supervisor and its children, and the
// supervisors among them. What can be done without the lock, is: memory is made
// before, and the ids that have to be made are made after.
func (s *core) look() (info SupervisorInfo, nested []nestedCore) {
	var children []ChildInfo
	var unnamed []*child
	s.mu.Lock()
	for len(children) < s.count {
		n := s.count + len(children)/16 // the second time with some to spare: children come meanwhile
		s.mu.Unlock()
		children = make([]ChildInfo, n)
		if s.decl.set == KeyedSet {
			unnamed = make([]*child, n)
		}
		s.mu.Lock()
	}
	n := 0
	for c := s.first; c != nil; c = c.next {
		if below := c.shownLocked(); below != nil {
			nested = append(nested, nestedCore{n, below, below.handed})
		}
		c.infoLocked(&children[n])
		if unnamed != nil && c.name == "" {
			unnamed[n] = c
		}
		n++
	}
	info = SupervisorInfo{
		Name:         s.decl.name,
		Path:         s.path,
		Strategy:     s.decl.strategy,
		Intensity:    s.decl.intensity,
		AutoShutdown: s.decl.auto,
		Set:          s.decl.set,
		Max:          s.decl.max,
		Running:      s.phase == serving,
		LastEvent:    s.record.last,
		Past:         s.past.list(),
	}
	info.Uptime, info.Restarts = s.upLocked()
	s.mu.Unlock()
	info.Children = children[:n]
	for i, c := range unnamed {
		if c != nil {
			info.Children[i].ID = c.id()
		}
	}
	return info, nested
}

// nested returns the supervisors among the children, in no order, and without a
// look at the others.
func (s *core) nested() (all []*core) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.supers {
		if below := c.shownLocked(); below != nil {
			all = append(all, below)
		}
	}
	return all
}

// shownLocked returns the life of the supervisor that a child is, or of one that
// is down the last; nil if it is none.
func (c *child) shownLocked() *core {
	if !c.supervisor {
		return nil
	}
	if life := c.cur.nestedLocked(); life != nil {
		return life
	}
	return c.sup.fallen[c]
}

func (s *core) info(c *child) (info ChildInfo, declared bool) {
	s.mu.Lock()
	c.infoLocked(&info)
	declared = !c.unlinked.Load()
	s.mu.Unlock()
	info.ID = c.id()
	return info, declared
}

// infoLocked fills in a snapshot, but for an id that has to be made. It must be empty:
// what need not be written costs nothing.
func (c *child) infoLocked(info *ChildInfo) {
	info.ID = c.name
	info.Restart = c.policy.restart
	info.Significant = c.policy.significant
	info.State = c.state
	info.Incarnation = c.n
	info.Restarts = c.restarts
	info.Added = c.added
	if c.failures > 0 {
		info.Failures = c.failures
	}
	if c.last.Kind != ExitNone {
		info.LastExit = c.last
	}
	info.Since = c.sup.born.Add(c.since)
	if c.supervisor {
		info.Kind = KindSupervisor
	}
	if c.budget != nil {
		c.budget.slide(c.sup.now())
		info.BudgetUsed = c.budget.size
	}
	if c.state == Stuck {
		info.Stack = c.stackText()
	}
	if !c.policy.plain {
		info.Policy = c.policy.told()
	}
}

// nestedLocked returns the life of the supervisor that an incarnation is, or
// nil.
func (inc *incarnation) nestedLocked() *core {
	if inc == nil || !inc.supervisor {
		return nil
	}
	return inc.supervision().current() // to ask the worker would be to call its code
}
