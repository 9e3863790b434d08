package sup

import (
	"slices"
	"sync"
	"sync/atomic"
)

// backlogLimit is the number of events that may wait for the observers before
// automatic restarts are delayed.
const backlogLimit = 4096

// A dispatcher passes the events of one supervisor to its observers and to the
// subscriptions of the supervisor and its ancestors.
type dispatcher struct {
	up        *dispatcher // dispatcher of the parent; nil in a root
	notifier  *notifier   // shared by the tree
	observers []Observer  // own observers, after those of the ancestors

	// Guarded by notifier.mu.
	subs      []*subscription
	closed    bool        // set when the supervisor has ended
	successor *dispatcher // has taken over the subscriptions; nil until the supervisor starts
}

// A notifier calls the observers of a tree. Its goroutine exists only while events
// are queued.
type notifier struct {
	listeners atomic.Int32  // number of observers and subscriptions
	seq       atomic.Uint64 // number of the last event; if there are listeners, changed under mu only

	// before is closed when the observers of the root's previous life have received
	// all its events. It is used by run only.
	before <-chan struct{}

	mu      sync.Mutex
	queue   []delivery
	running bool
	idle    chan struct{} // created by a waiter; closed when run ends
	space   chan struct{} // created by a waiter; closed when the queue is shorter than backlogLimit
}

// A delivery is an event and the observers that have not received it.
type delivery struct {
	from      *dispatcher
	observers []Observer
	event     Event
}

// newDispatcher returns the dispatcher of a supervisor. The parent is above, which
// is nil for a root.
func newDispatcher(own []Observer, above *dispatcher) *dispatcher {
	d := &dispatcher{up: above, notifier: new(notifier), observers: own}
	if above != nil {
		d.notifier = above.notifier
		d.observers = append(slices.Clip(above.observers), own...)
	}
	d.notifier.listeners.Add(int32(len(own)))
	return d
}

// takeOver moves the subscriptions of placeholder to d. They were made before the
// supervisor was started.
func (d *dispatcher) takeOver(placeholder *dispatcher) {
	placeholder.notifier.mu.Lock()
	subs := placeholder.subs
	placeholder.subs, placeholder.successor = nil, d
	for _, sub := range subs {
		sub.dispatcher.Store(d)
	}
	placeholder.notifier.mu.Unlock()
	// No lock was held: a subscription may have been closed meanwhile.
	d.notifier.mu.Lock()
	defer d.notifier.mu.Unlock()
	for _, sub := range subs {
		if !sub.ended {
			d.subs = append(d.subs, sub)
			d.notifier.listeners.Add(1)
		}
	}
}

// listening reports whether there are observers or subscriptions. If there are none, an
// event costs no more than this check.
func (d *dispatcher) listening() bool { return d.notifier.listeners.Load() > 0 }

// last returns the number of the last event of the tree. emitLocked numbers an event and
// passes it on under the same lock, so all events up to that number have been passed on.
func (d *dispatcher) last() uint64 {
	d.notifier.mu.Lock()
	defer d.notifier.mu.Unlock()
	return d.notifier.seq.Load()
}

// emit numbers an event and passes it on. It never blocks. The caller holds the lock
// of the supervisor, which orders the events of each child.
func (d *dispatcher) emit(e Event) uint64 {
	p := d.notifier
	p.mu.Lock()
	defer p.mu.Unlock()
	d.emitLocked(&e, d.observers)
	return e.Seq
}

// emitLocked numbers an event and passes it on to the subscriptions and to the given
// observers.
func (d *dispatcher) emitLocked(e *Event, observers []Observer) {
	p := d.notifier
	e.Seq = p.seq.Add(1)
	for at := d; at != nil; at = at.up {
		for _, sub := range at.subs {
			sub.offerLocked(e)
		}
	}
	if len(observers) == 0 {
		return
	}
	p.queue = append(p.queue, delivery{d, observers, *e})
	if !p.running {
		p.running = true
		go p.run()
	}
}

// run delivers queued events until there are none.
func (p *notifier) run() {
	finished := false
	defer func() { // an observer may end this goroutine with runtime.Goexit
		if !finished {
			go p.run()
		}
	}()
	if p.before != nil {
		<-p.before
		p.before = nil
	}
	for {
		p.mu.Lock()
		if len(p.queue) == 0 {
			p.queue = nil
			p.running, finished = false, true
			p.idle = closeMade(p.idle)
			p.mu.Unlock()
			return
		}
		next := p.queue[0]
		p.queue = p.queue[1:]
		if len(p.queue) < backlogLimit {
			p.space = closeMade(p.space)
		}
		p.mu.Unlock()
		for i, o := range next.observers {
			p.notify(o, next, i)
		}
	}
}

// notify calls one observer. If the observer panics, the other observers and the
// subscriptions receive an ObserverPanicked event.
func (p *notifier) notify(o Observer, d delivery, i int) {
	returned := false
	defer func() {
		if returned {
			return
		}
		failure := shield(caught(recover()))
		if d.event.Kind == ObserverPanicked {
			return // otherwise two observers that panic at every event would go on for ever
		}
		others := slices.Delete(slices.Clone(d.observers), i, i+1)
		p.mu.Lock()
		defer p.mu.Unlock()
		if failure == ErrGoexit { // this goroutine ends; the next one calls the observers after o
			p.queue = slices.Insert(p.queue, 0, delivery{d.from, d.observers[i+1:], d.event})
		}
		d.from.emitLocked(&Event{
			Kind: ObserverPanicked, Time: d.event.Time, Path: d.event.Path, Exit: Exit{ExitAbnormal, failure},
		}, others)
	}()
	o.Observe(d.event)
	returned = true
}

// backlogged reports whether backlogLimit events wait for the observers.
func (d *dispatcher) backlogged() bool {
	if !d.listening() {
		return false
	}
	d.notifier.mu.Lock()
	defer d.notifier.mu.Unlock()
	return len(d.notifier.queue) >= backlogLimit
}

// throttle delays an automatic restart until the observers have caught up or enough is
// closed. Otherwise the events of a child that always fails at once could fill the memory.
func (d *dispatcher) throttle(enough <-chan struct{}) {
	for d.backlogged() {
		p := d.notifier
		p.mu.Lock()
		if len(p.queue) < backlogLimit {
			p.mu.Unlock()
			return
		}
		if p.space == nil {
			p.space = make(chan struct{})
		}
		space := p.space
		p.mu.Unlock()
		select {
		case <-space:
		case <-enough:
			return
		}
	}
}

// close ends the subscriptions of a supervisor that has ended. For a root it also
// waits until the observers have received all events.
func (d *dispatcher) close() {
	p := d.notifier
	p.mu.Lock()
	d.closed = true
	for _, sub := range d.subs {
		sub.endLocked()
	}
	own := len(d.observers)
	if d.up != nil { // the inherited observers still serve the parent
		own -= len(d.up.observers)
	}
	p.listeners.Add(int32(-len(d.subs) - own))
	d.subs = nil
	var idle chan struct{}
	if d.up == nil && p.running {
		if p.idle == nil {
			p.idle = make(chan struct{})
		}
		idle = p.idle
	}
	p.mu.Unlock()
	if idle != nil {
		<-idle
	}
}
