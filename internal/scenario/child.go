package scenario

import (
	"fmt"
	"strings"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A Child declares a supervisor, a set or a worker.
type Child struct {
	ID   string // a [Field]; "*" for the members of a set
	Kind Kind

	// As a child.
	Restart     sup.Restart
	Significant bool
	Needs       []string // siblings, under a supervisor with one_for_dependents
	sup.Policy

	Faults WorkerFaults // of a worker

	// Of a supervisor or a set.
	Strategy     sup.Strategy
	Intensity    sup.Intensity
	AutoShutdown sup.AutoShutdown
	// Children of a set is one child, which says what each member is like.
	// [Child.Adopt] keeps the children of a supervisor findable.
	Children []*Child
	// Size of replicas is their number. Of a keyed set it is the most it may
	// have; 0 means no bound.
	Size int

	byID map[string]*Child
}

// Kind says what a [Child] is.
type Kind uint8

// The kinds of children.
const (
	Worker Kind = iota
	Supervisor
	Keyed
	Replicas
)

// MaxMembers is the largest set that a scenario may have. Each member is a
// goroutine and a supervised child.
const MaxMembers = 100_000

// WorkerFaults say how a worker misbehaves. The zero value is a good worker.
type WorkerFaults struct {
	Fail []FailedStarts // these starts fail
	Hang []Attempts     // these starts last until they are cancelled
	Slow time.Duration  // how long a start takes
	Stop time.Duration  // how long a stop takes
	// IgnoresStop ("deaf") makes the worker stop only when it is released.
	IgnoresStop bool
	// Badly makes the worker return an error of its own when it is stopped.
	Badly bool

	// For ReadExtended only.

	Ignore Attempts // in these starts the start function returns ignore
	Hold   Attempts // these starts last until a "let"
	Mute   bool     // like IgnoresStop, without a trace
}

// FailedStarts are attempts to start that fail.
type FailedStarts struct {
	Attempts
	// How is "error", "panic" or "goexit", or "start": an error of the start
	// function, where that differs from one of Initialize.
	How string
}

// Attempts are a range of attempts to start a worker, counted from 1 over the life
// of the whole tree. The zero value contains none.
type Attempts struct{ From, To int }

// Has reports whether the range contains attempt n.
func (a Attempts) Has(n int) bool { return a.From <= n && n <= a.To }

// String formats the range as "2..3".
func (a Attempts) String() string { return fmt.Sprintf("%d..%d", a.From, a.To) }

// FailAt returns how attempt n to start fails, or "" if it does not.
func (f *WorkerFaults) FailAt(n int) string {
	for _, fail := range f.Fail {
		if fail.Has(n) {
			return fail.How
		}
	}
	return ""
}

// HangAt reports whether attempt n to start hangs.
func (f *WorkerFaults) HangAt(n int) bool {
	for _, hang := range f.Hang {
		if hang.Has(n) {
			return true
		}
	}
	return false
}

// IsSet reports whether c is a keyed set or replicas.
func (c *Child) IsSet() bool { return c.Kind == Keyed || c.Kind == Replicas }

// Adopt appends a child to those of a supervisor.
func (c *Child) Adopt(child *Child) {
	c.Children = append(c.Children, child)
	c.Register(child)
}

// Register makes a child findable by its id, without changing Children. Of
// several with one id, the first counts.
func (c *Child) Register(child *Child) {
	if c.byID == nil {
		c.byID = make(map[string]*Child)
	}
	if c.byID[child.ID] == nil {
		c.byID[child.ID] = child
	}
}

// Unregister undoes Register.
func (c *Child) Unregister(id string) { delete(c.byID, id) }

// Child returns the child of a supervisor with an id, or nil.
func (c *Child) Child(id string) *Child { return c.byID[id] }

// Find returns the child at a path below c, or nil. The empty path is c itself.
// For a member of a set it returns what all members are like.
func (c *Child) Find(path string) *Child {
	if path == "" {
		return c
	}
	first, rest, _ := strings.Cut(path, "/")
	if c.IsSet() {
		if rest != "" || len(c.Children) == 0 {
			return nil
		}
		return c.Children[0]
	}
	if child := c.byID[first]; child != nil {
		return child.Find(rest)
	}
	return nil
}
