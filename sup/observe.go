package sup

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// backlogLimit is how many events may wait for the observers before automatic
// restarts do.
const backlogLimit = 4096

// A dispatcher is one supervisor's part in the telling of events.
type dispatcher struct {
	up        *dispatcher // of the supervisor above
	notifier  *notifier
	observers []Observer // own, and those inherited
	subs      []*Subscription
	closed    bool        // protected, like subs and heir, by pump.mu
	successor *dispatcher // has taken over the subscriptions
}

// A pump tells the observers of a tree, in a goroutine that exists while there
// is something to tell.
type notifier struct {
	listeners atomic.Int32 // observers and subscriptions

	seq atomic.Uint64 // of the last event; with listeners it is counted up under mu

	before <-chan struct{} // closed when those of the root's last life have been told everything; run's

	mu      sync.Mutex
	queue   []delivery
	running bool
	idle    chan struct{} // made by who waits for the end of it
	space   chan struct{} // made by who waits for a shorter queue
}

type delivery struct {
	from      *dispatcher
	observers []Observer
	event     Event
}

// newDispatcher makes the dispatcher of a supervisor below another one, or of
// a root if above is nil.
func newDispatcher(own []Observer, above *dispatcher) *dispatcher {
	d := &dispatcher{up: above, notifier: new(notifier), observers: own}
	if above != nil {
		d.notifier = above.notifier
		d.observers = append(slices.Clip(above.observers), own...)
	}
	d.notifier.listeners.Add(int32(len(own)))
	return d
}

// succeed takes over the subscriptions to a supervisor that was not started.
func (d *dispatcher) takeOver(unborn *dispatcher) {
	unborn.notifier.mu.Lock()
	subs := unborn.subs
	unborn.subs, unborn.successor = nil, d
	for _, sub := range subs {
		sub.dispatcher.Store(d)
	}
	unborn.notifier.mu.Unlock()
	d.notifier.mu.Lock()
	defer d.notifier.mu.Unlock()
	for _, sub := range subs {
		if !sub.ended {
			d.subs = append(d.subs, sub)
			d.notifier.listeners.Add(1)
		}
	}
}

// listening is all that an event costs while nobody does.
func (d *dispatcher) listening() bool { return d.notifier.listeners.Load() > 0 }

// last is the number of the last event of the tree. All up to it have been
// passed on.
func (d *dispatcher) last() uint64 {
	d.notifier.mu.Lock()
	defer d.notifier.mu.Unlock()
	return d.notifier.seq.Load()
}

// emit numbers an event and passes it on. It is called with the supervisor's lock
// held, which is what orders the events of one child; it never blocks.
func (d *dispatcher) emit(e Event) uint64 {
	p := d.notifier
	p.mu.Lock()
	defer p.mu.Unlock()
	d.emitLocked(&e, d.observers)
	return e.Seq
}

// emitLocked numbers an event, and passes it on to the subscriptions and to some
// of the observers.
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

func (p *notifier) run() {
	finished := false
	defer func() { // an observer that calls runtime.Goexit ends this goroutine
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

// tell calls one observer. A panic in it is told to the others, and to the
// subscriptions.
func (p *notifier) notify(o Observer, d delivery, i int) {
	returned := false
	defer func() {
		if returned {
			return
		}
		failure := shield(caught(recover()))
		if d.event.Kind == ObserverPanicked {
			return // or two of them could keep each other busy
		}
		others := slices.Delete(slices.Clone(d.observers), i, i+1)
		p.mu.Lock()
		defer p.mu.Unlock()
		if failure == ErrGoexit { // this goroutine ends, and those after this one have not been told
			p.queue = slices.Insert(p.queue, 0, delivery{d.from, d.observers[i+1:], d.event})
		}
		d.from.emitLocked(&Event{
			Kind: ObserverPanicked, Time: d.event.Time, Path: d.event.Path, Exit: Exit{ExitAbnormal, failure},
		}, others)
	}()
	o.Observe(d.event)
	returned = true
}

// behind reports whether the observers are that far behind.
func (d *dispatcher) backlogged() bool {
	if !d.listening() {
		return false
	}
	d.notifier.mu.Lock()
	defer d.notifier.mu.Unlock()
	return len(d.notifier.queue) >= backlogLimit
}

// throttle holds back an automatic restart while the observers are behind, so
// that a child that crashes at once does not fill the memory with events.
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

// close ends the subscriptions of a supervisor that has ended and, for the
// root of a tree, waits until the observers have been told everything.
func (d *dispatcher) close() {
	p := d.notifier
	waits := d.up == nil && !withinObserver() // or one that runs the next life would wait for itself
	p.mu.Lock()
	d.closed = true
	for _, sub := range d.subs {
		sub.endLocked()
	}
	own := len(d.observers)
	if d.up != nil { // what is inherited goes on
		own -= len(d.up.observers)
	}
	p.listeners.Add(int32(-len(d.subs) - own))
	d.subs = nil
	var idle chan struct{}
	if waits && p.running {
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

// withinObserver reports whether the caller is called by an observer, and so
// must not wait for the observers.
func withinObserver() bool {
	pcs := make([]uintptr, 512)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		frame, more := frames.Next()
		if strings.HasSuffix(frame.Function, "/sup.(*notifier).notify") {
			return true
		}
		if !more {
			return false
		}
	}
}
