package sup

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// phase is where a supervisor is in its life.
type phase uint8

const (
	created phase = iota
	beginning
	serving
	ending
	ended
)

// core is one life of a supervisor of any type: a mutex, an ordered list of
// children, and what is known about rounds, restarts and events. It is a monitor
// and not a goroutine. The exit of a child is handled in the goroutine of the child.
//
// The mutex is never held while user code runs or anything is waited for. Long
// operations (rounds, shutdown, operator calls) reserve a child through its state
// instead.
type core struct {
	place
	config    *config
	born      time.Time // the zero of all times of this life
	events    *dispatcher
	abandoned *abandonedSet // of the whole tree
	ended     atomic.Bool   // set when this life has ended, or another one was started in its place
	signal    signals

	mu         sync.Mutex // protects the fields below
	life       lifecycle
	list       childList
	restarts   restartCount
	record     record // of events; its size is fixed
	retired    retired
	goroutines goroutineCount
	round      roundState
}

// place is where a supervisor is in its tree. It is fixed.
type place struct {
	path   string
	above  *core           // the supervisor below which this one was started, or nil
	parent *core           // above, if this supervisor is its child
	host   *incarnation    // the incarnation of parent that is this supervisor, or nil
	values context.Context // the values of the contexts of children
	labels bool            // set if goroutines carry pprof labels
}

// signals are the channels that announce the end of a life.
type signals struct {
	stop chan struct{} // closed when the supervisor is to end
	gone chan struct{} // closed when all children have stopped
	done chan struct{} // closed when the observers have received all events, after gone
	next chan struct{} // closed when another life has taken the place of this one
}

// lifecycle is how far a life has come, and why it ends.
type lifecycle struct {
	phase            phase
	replaced         bool          // set if another life was started in place of this one, which never began
	endedBeforeStart bool          // set if Shutdown was called before the start
	driven           bool          // set when a Run waits for the end
	endAtReady       bool          // set when a significant child has ended during the start
	asked            bool          // set when the end has asked a child to stop
	asking           chan struct{} // nil if nothing waits for asked; closed when it is set, or all children have stopped
	childrenStopped  bool          // set when all children have been asked to stop and waited for
	stopCause        *StopError
	endCause         error // what asked the supervisor to end; nil after a failure or an auto-shutdown
	failure          error // why the supervisor failed; nil if it did not
}

// childList is the ordered list of children, with what is counted of them.
type childList struct {
	byID        map[string]*child // nil in a set, whose children have keys
	first, last *child
	cursors     []*cursor // that stand somewhere in the list
	seq         uint64    // of the child that was added last
	count       int
	states      [StateQuarantined + 1]int // number of children in each state
	significant int                       // number of significant children that are not at rest
	stuck       int                       // number of stuck children
	supervisors map[*child]struct{}       // the children that are supervisors, or were
	lastLives   map[*child]*core          // the last life of each of them that is down
}

// restartCount counts restarts against the intensity.
type restartCount struct {
	window  window
	history history // the exits that were counted, for the error of an escalation
}

// goroutineCount counts the goroutines of a supervisor, without abandoned ones.
type goroutineCount struct {
	running int
	quiet   chan struct{} // nil if nothing waits; closed when none is running, or only those of stuck children
}

// newCore makes a life of a supervisor, with its place: below the incarnation
// that ctx belongs to, or as a root.
func newCore(ctx context.Context, d *config, self *supervision) *core {
	s := &core{
		place:    place{values: context.WithoutCancel(ctx), labels: d.labels},
		config:   d,
		born:     time.Now(),
		restarts: restartCount{newWindow(d.intensity), newHistory(d.intensity)},
		signal: signals{
			stop: make(chan struct{}),
			gone: make(chan struct{}),
			done: make(chan struct{}),
			next: make(chan struct{}),
		},
	}
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
	if inc.supervision() == self {
		s.path, s.parent, s.host = inc.child.path(), above, inc
	} else { // a supervisor that a worker runs for itself
		s.path = joinPath(inc.child.path(), d.name)
	}
	return s
}

func (s *core) hasEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.life.phase == ended
}

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
}

// unlinkLocked removes a child.
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
	for _, w := range s.list.cursors {
		w.leaveLocked(c)
	}
	c.prev, c.next = nil, nil
	s.list.count--
	s.list.states[c.state]--
	if c.policy.significant && !c.atRest() {
		s.list.significant--
	}
	c.unlinked.Store(true)
	s.retired.counts.add("", c.template(), c.countsLocked())
	delete(s.list.lastLives, c)
	delete(s.list.supervisors, c)
	c.slot.forget()
	c.emitLocked(eventDraft{kind: ChildRemoved, exit: c.last}, now)
	c.wakeLocked()
}

// admitLocked says why no call is served now, or nil.
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

// declareLocked links a child that is reached by its id.
func (s *core) declareLocked(c *child) {
	s.list.byID[c.id()] = c
	s.linkLocked(c)
}

// endGoroutineLocked is called when a goroutine of this supervisor is about to
// return.
func (s *core) endGoroutineLocked() {
	s.goroutines.running--
	if s.goroutines.running <= s.list.stuck {
		s.goroutines.quiet = closeMade(s.goroutines.quiet)
	}
}

func (s *core) find(id string) *child {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.list.byID[id]
}

// quietLocked returns nil if no goroutine is left, or else a channel that is
// closed when only those of stuck children may be, or another child is stuck.
func (s *core) quietLocked() <-chan struct{} {
	if s.goroutines.running == 0 {
		return nil
	}
	if s.goroutines.quiet == nil {
		s.goroutines.quiet = make(chan struct{})
	}
	return s.goroutines.quiet
}
