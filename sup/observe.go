package sup

import "slices"

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

// emit numbers an event, offers it to the subscriptions, and queues it for the
// observers except one, whose number counts from 1. It never blocks. If the event is not
// about a failure of an observer, the caller holds the lock of the supervisor, which
// orders the events of each child.
func (d *dispatcher) emit(life *core, e *entry, except int) {
	p := d.notifier
	p.mu.Lock()
	e.seq = p.seq.Add(1)
	d.offerLocked(life, e)
	if len(d.observers) > 0 {
		p.queueLocked(life, e, except)
	}
	p.mu.Unlock()
}

// offerLocked offers an event to the subscriptions of the supervisor and its ancestors.
// Without any it makes none.
func (d *dispatcher) offerLocked(life *core, e *entry) {
	var event *Event
	for at := d; at != nil; at = at.up {
		for _, sub := range at.subs {
			if event == nil {
				event = new(life.event(e))
			}
			sub.offerLocked(event)
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
