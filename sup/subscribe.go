package sup

import (
	"context"
	"iter"
	"slices"
	"sync/atomic"
)

// A Subscription is a bounded stream of the events of a supervisor and those
// below it. It never holds up the tree: what does not fit is dropped and
// counted.
type Subscription struct {
	dispatcher atomic.Pointer[dispatcher]
	events     chan Event
	dropped    atomic.Uint64
	ended      bool // protected by the pump's lock
}

// maxSubscription bounds the size of a subscription.
const maxSubscription = 1 << 20

// Subscribe begins a subscription that holds at most size events; 1 if size is
// less, and a million if it is more. It ends with [Subscription.Close] or when the supervisor does; of a
// supervisor that has ended, it has ended already.
func (f *supervision) Subscribe(size int) *Subscription {
	sub := &Subscription{events: make(chan Event, min(max(size, 1), maxSubscription))}
	s := f.life.Load()
	if s == nil {
		close(sub.events)
		return sub
	}
	s.events.subscribe(sub)
	return sub
}

func (d *dispatcher) subscribe(sub *Subscription) {
	p := d.pump
	p.mu.Lock()
	if heir := d.heir; heir != nil { // the supervisor has just started
		p.mu.Unlock()
		heir.subscribe(sub)
		return
	}
	defer p.mu.Unlock()
	sub.dispatcher.Store(d)
	if d.closed {
		sub.endLocked()
		return
	}
	d.subs = append(d.subs, sub)
	p.listeners.Add(1)
}

func (sub *Subscription) offer(e Event) {
	select {
	case sub.events <- e:
	default:
		sub.dropped.Add(1)
	}
}

func (sub *Subscription) endLocked() {
	if !sub.ended {
		sub.ended = true
		close(sub.events)
	}
}

// Events returns the channel of the events. It is closed when the subscription
// ends.
func (sub *Subscription) Events() <-chan Event { return sub.events }

// All returns an iterator over the events; it ends with the subscription or
// with ctx.
func (sub *Subscription) All(ctx context.Context) iter.Seq[Event] {
	ctx = given(ctx)
	return func(yield func(Event) bool) {
		for {
			select {
			case e, ok := <-sub.events:
				if !ok || !yield(e) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// Dropped returns how many events did not fit so far.
func (sub *Subscription) Dropped() uint64 { return sub.dropped.Load() }

// Close ends the subscription. It may be called more than once.
func (sub *Subscription) Close() {
	for {
		d := sub.dispatcher.Load()
		if d == nil {
			return
		}
		d.pump.mu.Lock()
		if sub.dispatcher.Load() != d { // the supervisor has just started
			d.pump.mu.Unlock()
			continue
		}
		if i := slices.Index(d.subs, sub); i >= 0 {
			d.subs = slices.Delete(d.subs, i, i+1)
			d.pump.listeners.Add(-1)
		}
		sub.endLocked()
		d.pump.mu.Unlock()
		return
	}
}
