package sup

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// A child is one entry of a supervisor: an element of its ordered list. What
// is typed about it is its slot.
type child struct {
	sup    *core
	policy *policy
	slot   slot
	name   string // the id; "" where the slot makes it
	seq    uint64 // place in the order

	live atomic.Pointer[incarnation] // the ready one, for handles; written under sup.mu

	// Protected by sup.mu.
	prev, next        *child
	cur               *incarnation
	change            chan struct{} // made by who waits; closed at every transition
	last              Exit
	since             time.Duration
	restarts          int
	failures          int // exits that were abnormal
	n                 int // incarnations so far
	state             State
	stoppedByOperator bool        // an operator stopped it: rounds leave it alone
	queued            bool        // its failure is in line for a round to be led
	exhausted         bool        // its last attempt to restart failed because the host has run out of something
	removeWhenDown    bool        // no longer declared once it is gone: added and not ready yet, or being removed
	supervisor        bool        // its workers are supervisors
	added             bool        // at run time; fixed
	unlinked          atomic.Bool // read by handles too
	attempts          backoffCounter
	missed            int           // attempts to restart in a row that have failed
	due               time.Duration // of one that is held: when its backoff is over
	wait              time.Duration // of an incarnation in its backoff
	budget            *window
	stack             *string // of a stuck incarnation

	self reference // for handles to this very child: they need no allocation
}

// slot is the typed side of a child.
type slot interface {
	text() string // the id of a child without a name
	incarnate() *incarnation
	start(inc *incarnation) error // makes the worker and puts it in the body
	forget()                      // the child is no longer declared
}

// life is an incarnation together with its worker.
type life[W Worker] struct {
	incarnation
	w W
}

func newLife[W Worker]() *incarnation {
	l := new(life[W])
	l.body = l
	return &l.incarnation
}

func (l *life[W]) worker() Worker { return l.w }

// lifeOf is the life of an incarnation that [newLife] made for this W, whose
// first field it is. To go there by its body is to follow one more pointer: a
// [Keyed.Get] takes 1.45 times what its map does, and would take 1.55 times.
func lifeOf[W Worker](inc *incarnation) *life[W] { return (*life[W])(unsafe.Pointer(inc)) }

// made puts what a start function returned into its life.
func made[W Worker](inc *incarnation, w W, err error) error {
	if err != nil {
		return err
	}
	if isNil(w) {
		return ErrNilWorker
	}
	inc.body.(*life[W]).w = w
	return nil
}

// liveWorker is the lock-free read behind every Get (H2).
func liveWorker[W Worker](c *child) (w W, ok bool) {
	inc := c.live.Load()
	if inc == nil {
		return w, false
	}
	if l, ok := inc.body.(*life[W]); ok {
		return l.w, true
	}
	w, ok = inc.body.worker().(W) // a handle that As made
	return w, ok
}

func newChild(c *child, s *core, p *policy, slot slot) *child {
	c.sup, c.policy, c.slot = s, p, slot
	c.self.target.Store(c)
	return c
}

func (c *child) id() string {
	if c.name != "" {
		return c.name
	}
	return c.slot.text()
}

func (c *child) path() string { return joinPath(c.sup.path, c.id()) }

// stackText is the stack of a stuck incarnation, or "".
func (c *child) stackText() string {
	if c.stack == nil {
		return ""
	}
	return *c.stack
}

// atRest reports that nothing but an operator or a round starts the child.
func (c *child) atRest() bool {
	return c.state.AtRest() || c.unlinked.Load()
}

// moveLocked is the one place where the state of a child changes. It keeps
// the counts of the supervisor, tells the observers, and
// wakes whoever waits for this child.
func (c *child) moveLocked(to State, now time.Duration, e eventDraft) {
	was := c.atRest()
	if c.state == StateStuck {
		c.sup.list.stuck--
	}
	if to == StateStuck {
		c.sup.list.stuck++
		c.sup.goroutines.quiet = closeMade(c.sup.goroutines.quiet)
	}
	if !c.unlinked.Load() {
		c.sup.list.states[c.state]--
		c.sup.list.states[to]++
	}
	c.state = to
	c.since = now
	if is := c.atRest(); c.policy.significant && was != is {
		if is {
			c.sup.list.significant--
		} else {
			c.sup.list.significant++
		}
	}
	c.emitLocked(e, now)
	c.wakeLocked()
}

func (c *child) wakeLocked() {
	if c.change != nil {
		close(c.change)
		c.change = nil
	}
}

// changedLocked returns a channel that is closed at the next transition.
func (c *child) changedLocked() <-chan struct{} {
	if c.change == nil {
		c.change = make(chan struct{})
	}
	return c.change
}

// emitLocked puts an event of this child on record, and passes it on.
func (c *child) emitLocked(e eventDraft, now time.Duration) {
	if e.kind != 0 {
		c.sup.recordEventLocked(c, e, now)
	}
}

// becauseLocked returns the child whose failure led to the round that c is
// stopped by, or is to start again with.
func (c *child) becauseLocked(kind EventKind) *child {
	s := c.sup
	switch {
	case !s.isStoppingLocked(c), c == s.round.cause:
		return nil
	case kind == ChildStopping && c.cur.intent == intentRestart, kind == ChildRestarting:
		return s.round.cause
	}
	return nil
}
