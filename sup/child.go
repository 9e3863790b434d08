package sup

import (
	"sync/atomic"
	"time"
	"unsafe"
)

// A child is one entry of a supervisor: an element of its ordered list. The
// typed part of a child is its slot.
type child struct {
	// Fixed.
	sup    *core
	policy *policy
	slot   slot
	name   string // the id; "" if the slot makes the id from a key
	seq    uint64 // position in the order of start

	// The ready incarnation, or nil. Handles read it without a lock; it is written
	// under sup.mu.
	live atomic.Pointer[incarnation]

	// Guarded by sup.mu.
	prev, next *child
	cur        *incarnation  // nil if the child is down and no start waits for its backoff
	change     chan struct{} // nil if nothing waits; closed on the next state change
	last       Exit          // of the previous incarnation
	since      time.Duration // when state last changed
	counts     Counts        // counts.Starts is also the number of the last incarnation
	retry      retryState
	round      *round // that stops or starts the child now; nil if none does

	state             State
	stoppedByOperator bool // set by an operator's stop; rounds then leave the child alone
	removeWhenDown    bool // set if the child is removed once it is down: it is being added and not ready yet, or is being deleted
	supervisor        bool // set once a worker of the child was a supervisor
	added             bool // set if the child was added at run time; fixed
	inLine            bool // set while a failure of the child waits in roundState.line
	exhausted         bool // set if the last start failed because the host has run out of a resource

	unlinked atomic.Bool // set when the child has left the list; handles read it without a lock

	self reference // for handles to this child, which then need no allocation
}

// retryState is what restarts of a child depend on. A restart by an operator
// begins with the zero value.
type retryState struct {
	backoff      backoffCounter
	failedStarts int           // restarts in a row whose start has failed
	wait         time.Duration // the backoff of cur
	due          time.Duration // when the backoff is over that the rest of a round waits for
	budget       *window       // nil until the first restart is counted against a budget of the child
}

// clearFailure forgets a failure that waits for its round, or for the end of its
// backoff, because something else has settled what happens to the child.
func (c *child) clearFailure() { c.inLine, c.retry.due = false, 0 }

// slot is the typed part of a child.
type slot interface {
	// text returns the id of a child that has no name. It is called under the lock, so
	// it must not call code of the user.
	text() string
	// incarnate returns a new incarnation without a worker.
	incarnate() *incarnation
	// start makes the worker and puts it into the body of inc. It calls user code.
	start(inc *incarnation) error
	// forget is called when the child has left the list.
	forget()
}

// life is an incarnation together with its worker.
type life[W Worker] struct {
	incarnation
	w W
}

// newLife returns an incarnation with room for a worker of type W beside it.
func newLife[W Worker]() *incarnation {
	l := new(life[W])
	l.body = l
	return &l.incarnation
}

// worker implements body.
func (l *life[W]) worker() Worker { return l.w }

// lifeOf returns the life whose first field is inc. The incarnation must have been
// made by [newLife] for the same W. The conversion saves a pointer that the way
// through body would follow: a [Keyed.Get] takes 1.45 times as long as the lookup
// in its map, and would take 1.55 times.
func lifeOf[W Worker](inc *incarnation) *life[W] { return (*life[W])(unsafe.Pointer(inc)) }

// made puts the result of a start function into the life that the worker belongs
// to.
func made[W Worker](inc *incarnation, w W, err error) error {
	if err != nil {
		return err
	}
	if isNil(w) {
		return errNilWorker
	}
	inc.body.(*life[W]).w = w
	return nil
}

// liveWorker returns the worker of the ready incarnation, if there is one. It is
// behind each Get, and takes no lock (H2).
func liveWorker[W Worker](c *child) (w W, ok bool) {
	inc := c.live.Load()
	if inc == nil {
		return w, false
	}
	if l, ok := inc.body.(*life[W]); ok {
		return l.w, true
	}
	w, ok = inc.body.worker().(W) // inc was made for another type: the handle comes from As
	return w, ok
}

// newChild fills in a child that its slot has allocated, together with the slot.
func newChild(c *child, s *core, p *policy, slot slot) *child {
	c.sup, c.policy, c.slot = s, p, slot
	c.self.target.Store(c)
	return c
}

// id returns the id. It allocates for a child without a name, so what is often asked for
// many children does that without the lock.
func (c *child) id() string {
	if c.name != "" {
		return c.name
	}
	return c.slot.text()
}

// path returns the path from the root of the tree.
func (c *child) path() string { return joinPath(c.sup.path, c.id()) }

// stackTextLocked returns the stack of the incarnation that is stuck, or "".
func (c *child) stackTextLocked() string {
	if c.cur == nil {
		return ""
	}
	return c.cur.stackText()
}

// atRest reports whether only an operator or a round can start the child again.
func (c *child) atRest() bool {
	return c.state.AtRest() || c.unlinked.Load()
}

// moveLocked changes the state of a child. No other function does, so the counts
// of the supervisor stay right, observers see each change, and goroutines that
// wait for the child are woken.
func (c *child) moveLocked(to State, now time.Duration, e eventDraft) {
	was := c.atRest()
	if c.state == StateStuck {
		c.sup.list.stuck--
	}
	if to == StateStuck {
		c.sup.list.stuck++
		// The goroutines that are left may all be of stuck children now, and a
		// stop that waits for the others must see that.
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

// wakeLocked wakes the goroutines that wait for a change of the child.
func (c *child) wakeLocked() {
	if c.change != nil {
		close(c.change)
		c.change = nil
	}
	for _, r := range c.sup.rounds.waiting {
		if r.failed == c { // it may wait no longer
			c.sup.wakeRoundsLocked()
		}
	}
}

// changedLocked returns a channel that is closed on the next state change. The
// channel exists only while something waits, so a restart makes none.
func (c *child) changedLocked() <-chan struct{} {
	if c.change == nil {
		c.change = make(chan struct{})
	}
	return c.change
}

// emitLocked records an event of this child and passes it to the observers.
func (c *child) emitLocked(e eventDraft, now time.Duration) {
	if e.kind != 0 {
		c.sup.recordEventLocked(c, e, now)
	}
}

// roundCauseLocked returns the child whose failure caused the round that stops c
// or restarts it, or nil if an event of this kind has no such cause.
func (c *child) roundCauseLocked(kind EventKind) *child {
	switch {
	case !c.sup.isStoppingLocked(c), c == c.round.failed:
		return nil
	case kind == ChildStopping && c.cur.intent == intentRestart, kind == ChildRestarting:
		return c.round.failed
	}
	return nil
}
