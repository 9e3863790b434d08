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

// core is one life of a supervisor, whatever the type of its children: an
// ordered list of children under a mutex. It is a monitor and not a goroutine;
// what happens when a child exits, happens in the goroutine of the child.
//
// The mutex is never held while user code runs or anything is waited for. Who
// has something long to do with a child holds it by its state.
type core struct {
	decl   *declaration
	path   string
	above  *core        // the one below which this one was started, or nil
	parent *core        // the same where this one is its child
	host   *incarnation // what this supervisor is there
	values context.Context
	born   time.Time // the zero of all times of this life
	labels bool
	events *dispatcher
	orphan *orphanage

	over atomic.Bool   // has ended, or was never begun because another life was
	stop chan struct{} // closed when it is to end
	gone chan struct{} // closed when all children have stopped
	done chan struct{} // closed when the observers know it too
	next chan struct{} // closed when another life has taken the place of this one

	mu          sync.Mutex
	phase       phase
	superseded  bool              // was never begun, because another life was
	unborn      bool              // was ended before it began
	driven      bool              // a Run waits for the end
	byID        map[string]*child // nil in a set, whose children have keys
	first, last *child
	walks       []*walk // that stand somewhere in the list
	count       int
	states      [StateQuarantined + 1]int // how many of them are in each
	seq         uint64
	significant int // significant children that are not at rest
	stuck       int // stuck children
	restarts    window
	history     history             // what was counted, for the error of an escalation
	record      record              // of events; its size is fixed
	past        past                // what had happened to children that are gone
	supers      map[*child]struct{} // the children that are supervisors, or were
	fallen      map[*child]*core    // of supervisors among the children the last life, while they are down
	lent        map[family]Counts   // what of its past, and of its children, is that of one above already
	passedOn    bool                // its past is, all of it, that of the one above
	handed      bool                // its past is that of the one above now; protected by above.mu
	busy        int                 // goroutines of this supervisor, abandoned ones not among them
	quiet       chan struct{}
	failed      []*child      // wait for a round to be led, or for the start to end
	endAtReady  bool          // a significant child has ended during the start
	asked       bool          // the end has asked a child to stop
	asking      chan struct{} // nil if nothing waits for that; closed when it is so, or swept
	swept       bool          // all children have been asked to stop, and waited for
	leading     bool          // a goroutine leads rounds
	absorbing   bool          // the round is still stopping its children
	held        *child        // whose turn, or backoff, the rest of a round waits for before it starts
	heldFrom    uint64        // where in the order that round starts
	interrupt   chan struct{} // made by a round that waits; closed when a failure is queued
	leader      *child        // whose failure led to it
	roundFrom   uint64        // the first child of the round
	roundTo     uint64        // the last; those added meanwhile are no part of it
	apart       []*child      // nor are these, which an operator was starting when it came to them
	stopCause   *StopError
	how         error // what asked it to end; nil if its significant children have, or it failed
	failure     error // why it ended; nil if it was asked to, or its significant children have
}

// newCore makes a life of a supervisor, with its place: below the incarnation
// that ctx belongs to, or as a root.
func newCore(ctx context.Context, d *declaration, self *supervision) *core {
	s := &core{
		decl:     d,
		values:   context.WithoutCancel(ctx),
		born:     time.Now(),
		labels:   d.labels,
		restarts: newWindow(d.intensity),
		history:  newHistory(d.intensity),
		stop:     make(chan struct{}),
		gone:     make(chan struct{}),
		done:     make(chan struct{}),
		next:     make(chan struct{}),
	}
	inc := incarnationOf(ctx)
	if inc == nil {
		s.record = newRecord(d.record, nil)
		s.path = escapeID(d.name)
		s.orphan = new(orphanage)
		s.events = newDispatcher(d.observers, nil)
		return s
	}
	above := inc.child.sup
	s.above = above
	s.labels = s.labels || above.labels
	s.orphan = above.orphan
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
	return s.phase == ended
}

func (s *core) now() time.Duration { return time.Since(s.born) }

// linkLocked adds a child at the end of the order.
func (s *core) linkLocked(c *child) {
	s.seq++
	c.seq = s.seq
	c.prev = s.last
	if s.last != nil {
		s.last.next = c
	} else {
		s.first = c
	}
	s.last = c
	s.count++
	s.states[c.state]++
	if c.policy.significant {
		s.significant++
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
		s.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	} else {
		s.last = c.prev
	}
	for _, w := range s.walks {
		w.leaveLocked(c)
	}
	c.prev, c.next = nil, nil
	s.count--
	s.states[c.state]--
	if c.policy.significant && !c.atRest() {
		s.significant--
	}
	c.unlinked.Store(true)
	s.past.add("", c.template(), c.countsLocked())
	delete(s.fallen, c)
	delete(s.supers, c)
	c.slot.forget()
	c.emitLocked(news{kind: ChildRemoved, exit: c.last}, now)
	c.wakeLocked()
}

// admitLocked says why no call is served now, or nil.
func (s *core) admitLocked() error {
	switch s.phase {
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
	all := make([]*child, 0, s.count)
	for c := s.first; c != nil; c = c.next {
		all = append(all, c)
	}
	return all
}

// declareLocked links a child that is reached by its id.
func (s *core) declareLocked(c *child) {
	s.byID[c.id()] = c
	s.linkLocked(c)
}

// endGoroutineLocked is called when a goroutine of this supervisor is about to
// return.
func (s *core) endGoroutineLocked() {
	s.busy--
	if s.busy <= s.stuck {
		s.quiet = closeMade(s.quiet)
	}
}

func (s *core) find(id string) *child {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.byID[id]
}

// quietLocked returns nil if no goroutine is left, or else a channel that is
// closed when only those of stuck children may be, or another child is stuck.
func (s *core) quietLocked() <-chan struct{} {
	if s.busy == 0 {
		return nil
	}
	if s.quiet == nil {
		s.quiet = make(chan struct{})
	}
	return s.quiet
}
