package sup

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/espalier-go/espalier/internal/startwrap"
)

// phase is how far a supervisor is in its life.
type phase uint8

const (
	created   phase = iota // not started
	beginning              // starting its declared children
	serving                // all declared children have been started
	ending                 // stopping its children
	ended                  // nothing of it runs
)

// core is one life of a supervisor of any type: a mutex, an ordered list of
// children, and the state of rounds, restarts and events. It is a monitor and not a
// goroutine. The goroutine of a child handles the exit of that child.
//
// The mutex is not held while user code runs or anything is waited for, and no two
// supervisors are locked at once. Long operations (rounds, shutdown, operator calls)
// reserve a child through its state instead: after each time that they lock the
// mutex again, they look at the state again.
type core struct {
	place
	config    *config
	born      time.Time // all durations of this life count from here
	events    *dispatcher
	abandoned *abandonedSet             // of the whole tree
	deadline  atomic.Pointer[time.Time] // of the stop; nil if it is not bounded, or has not begun
	ended     atomic.Bool               // set when this life has ended or was replaced: handles look for the next
	signal    signals

	mu         sync.Mutex // protects the fields below
	life       lifecycle
	list       childList
	restarts   restartCount
	record     record // of events; its size is fixed
	retired    retired
	goroutines goroutineCount
	rounds     roundState
	needs      needs
}

// place is the position of a supervisor in its tree. It is fixed.
type place struct {
	path   string
	self   *supervision    // whose life this is
	above  *core           // the supervisor whose child started this one, or nil
	parent *core           // above, if this supervisor is its child; nil if a worker runs it for itself
	host   *incarnation    // the incarnation of parent that is this supervisor, or nil
	values context.Context // the values of the contexts of children
	labels bool            // set if goroutines carry pprof labels
	wrap   startwrap.Func  // starts the children in tests; nil if not set
}

// signals are the channels that announce the end of a life.
type signals struct {
	stop chan struct{} // closed when the supervisor is to end
	done chan struct{} // closed when all children have stopped and the observers have received all events
	next chan struct{} // closed when another life has replaced this one
}

// lifecycle is how far a life is, and why it ends.
type lifecycle struct {
	phase            phase
	replaced         bool          // set if another life was started in place of this one, which stays created
	endedBeforeStart bool          // set if Shutdown was called before the start
	driven           bool          // set when a goroutine will end the life: Run, or the one that Start begins
	endAtReady       bool          // set when a significant child has ended during the start
	asked            bool          // set when the end has asked a child to stop
	asking           chan struct{} // nil if nothing waits for asked; closed when it is set, or all children have stopped
	endsWithin       time.Duration // the time of the stop when it began
	keeper           *timeKeeper   // nil if the time of the stop is not bounded
	ranOut           bool          // set when the time of the stop was over before all had stopped
	childrenStopped  bool          // set when each child has been asked to stop, and has stopped or is stuck
	stopCause        *StopError    // what children see as the cause; fixed before signal.stop is closed
	endCause         error         // what asked the supervisor to end; nil after a failure or an auto-shutdown
	failure          error         // why the supervisor failed; nil if it did not
}

// timeKeeper is the goroutine that keeps the time of a stop.
type timeKeeper struct {
	over chan struct{} // closed when nothing is left to keep the time for
	gone chan struct{} // closed when the goroutine has returned
}

// childList is the ordered list of children, with counts of them.
type childList struct {
	byID        map[string]*child // nil in a set: its type finds children by key
	first, last *child
	seq         uint64 // of the child that was added last
	count       int
	states      [StateQuarantined + 1]int // number of children in each state
	significant int                       // number of significant children that are not at rest
	declared    int                       // number of children that are not members, see child.member
	budgeted    int                       // number of children with a budget of their own
	members     Counts                    // of the members together
	stuck       int                       // number of stuck children
	supervisors map[*child]struct{}       // the children that are or were supervisors
	lastLives   map[*child]*core          // the last lives of those that are down
}

// restartCount counts the restarts of a life against its intensity.
type restartCount struct {
	window  window
	history history // the exits that were counted, for the error of an escalation
}

// goroutineCount counts the goroutines and timers of a supervisor, without those of
// abandoned incarnations.
type goroutineCount struct {
	running int
	quiet   chan struct{} // nil if nothing waits; closed when none is running, or only those of stuck children
}

// newCore returns a new life of a supervisor. Its place is below the incarnation
// that ctx belongs to, or that of a root.
func newCore(ctx context.Context, d *config, self *supervision) *core {
	s := &core{
		place:    place{self: self, values: context.WithoutCancel(ctx), labels: d.labels, wrap: startwrap.Of(ctx)},
		config:   d,
		born:     time.Now(),
		restarts: restartCount{newWindow(d.intensity), newHistory(d.intensity)},
		signal: signals{
			stop: make(chan struct{}),
			done: make(chan struct{}),
			next: make(chan struct{}),
		},
	}
	// A root has a record, a dispatcher and an abandoned set of its own. The lives below
	// share the last two, so that events of a tree have one order, and what is abandoned
	// is found from the root.
	inc := incarnationOf(ctx)
	if inc == nil {
		s.record = newRecord(d.record, nil)
		s.path = escapeID(d.name)
		s.abandoned = new(abandonedSet)
		s.events = newDispatcher(d.observers, nil)
		return s
	}
	above := inc.child.sup
	s.above = above
	s.labels = s.labels || above.labels
	s.abandoned = above.abandoned
	s.record = newRecord(d.record, above)
	s.events = newDispatcher(d.observers, above.events)
	// ctx is the context of a worker. If that worker is this supervisor, this life is a
	// child; otherwise the worker starts a supervisor of its own.
	if inc.supervision() == self {
		s.path, s.parent, s.host = inc.child.path(), above, inc
	} else { // a worker runs the supervisor for itself
		s.path = joinPath(inc.child.path(), d.name)
	}
	return s
}

// hasEnded reports whether the life has ended.
func (s *core) hasEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life.phase == ended
}

// now returns the time since the beginning of the life.
func (s *core) now() time.Duration { return time.Since(s.born) }

// linkLocked adds a child at the end of the order.
func (s *core) linkLocked(c *child) {
	s.list.seq++
	c.seq = s.list.seq
	c.prev = s.list.last
	if s.list.last != nil {
		s.list.last.next = c
	} else {
		s.list.first = c
	}
	s.list.last = c
	s.list.count++
	s.list.states[c.state]++
	if c.policy.significant {
		s.list.significant++
	}
	if c.isMember() {
		s.list.members = s.list.members.plus(c.counts)
	} else {
		s.list.declared++
	}
	if c.policy.budget != (Intensity{}) {
		s.list.budgeted++
	}
}

// unlinkLocked removes a child from the list and keeps its counts. A removed child
// stays usable for goroutines and handles that still have it.
func (s *core) unlinkLocked(c *child, now time.Duration) {
	if c.unlinked.Load() {
		return
	}
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		s.list.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		s.list.last = c.prev
	}
	c.prev, c.next = nil, nil
	s.list.count--
	s.list.states[c.state]--
	if c.policy.significant && !c.atRest() {
		s.list.significant--
	}
	if c.isMember() {
		s.list.members = s.list.members.minus(c.counts)
	} else {
		s.list.declared--
	}
	if c.policy.budget != (Intensity{}) {
		s.list.budgeted--
	}
	// After unlinked is set, moveLocked no longer counts the states of this child.
	c.unlinked.Store(true)
	s.retired.counts.add("", c.template(), c.counts)
	delete(s.list.lastLives, c)
	delete(s.list.supervisors, c)
	s.needs.removeLocked(c)
	c.slot.forget()
	c.emitLocked(eventDraft{kind: ChildRemoved, exit: c.last}, now)
	c.wakeLocked()
}

// admitLocked returns why operator calls are refused now, or nil.
func (s *core) admitLocked() error {
	switch s.life.phase {
	case created:
		return errNotStarted
	case ended:
		return errEnded
	case ending:
		return ErrShuttingDown
	}
	return nil
}

// planAllLocked returns the plan of the start and the end of the supervisor.
func (s *core) planAllLocked() plan[*child] {
	return planAll(s.config.strategy, s.config.set != SetNone, siblings[*child](orderOf{s}))
}

// children returns all children in order.
func (s *core) children() []*child {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]*child, 0, s.list.count)
	for c := s.list.first; c != nil; c = c.next {
		all = append(all, c)
	}
	return all
}

// declareLocked adds a child that is found by its id.
func (s *core) declareLocked(c *child, needs []string) {
	s.needs.addLocked(c, needs)
	s.list.byID[c.id()] = c
	s.linkLocked(c)
}

// endGoroutineLocked is called by a goroutine of this supervisor that is about to
// return, after all that it changes.
func (s *core) endGoroutineLocked() {
	s.goroutines.running--
	// Each stuck child has one goroutine, so if no more are left, all others have gone.
	if s.goroutines.running <= s.list.stuck {
		s.goroutines.quiet = closeMade(s.goroutines.quiet)
	}
}

// find returns the child with an id, or nil.
func (s *core) find(id string) *child {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list.byID[id]
}

// quietLocked returns nil if no goroutine is left. Otherwise it returns a channel
// that is closed when only goroutines of stuck children may be left, or when another
// child becomes stuck. The caller must look again then.
func (s *core) quietLocked() <-chan struct{} {
	if s.goroutines.running == 0 {
		return nil
	}
	if s.goroutines.quiet == nil {
		s.goroutines.quiet = make(chan struct{})
	}
	return s.goroutines.quiet
}

// wasReplaced reports whether another life was started in place of this one, which has
// no events.
func (s *core) wasReplaced() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life.replaced
}
