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

	// Of a stream, which says where there are gaps; fixed.
	stream bool
	path   string // it is of what is there and below

	// Protected by the pump's lock.
	ended bool
	full  bool     // the last event was dropped
	gaps  []uint64 // the first events of those that were dropped one after the other: at most one for each that is held
}

// maxSubscription bounds the size of a subscription.
const maxSubscription = 1 << 20

func newSubscription(size int) *Subscription {
	return &Subscription{events: make(chan Event, min(max(size, 1), maxSubscription))}
}

func (d *dispatcher) subscribe(sub *Subscription) {
	p := d.notifier
	p.mu.Lock()
	if heir := d.successor; heir != nil { // the supervisor has just started
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

func (sub *Subscription) offerLocked(e *Event) {
	if sub.stream && !isWithin(e.Path, sub.path) {
		return
	}
	select {
	case sub.events <- *e:
		sub.full = false
	default:
		if sub.stream && !sub.full {
			sub.gaps = append(sub.gaps, e.Seq)
		}
		sub.full = true
		sub.dropped.Add(1)
	}
}

// skippedBefore reports, of a stream, whether events were dropped between the
// last one that was taken and the one of a number.
func (sub *Subscription) skippedBefore(seq uint64) bool {
	if sub.dropped.Load() == 0 { // the common case, without the lock
		return false
	}
	p := sub.dispatcher.Load().notifier
	p.mu.Lock()
	defer p.mu.Unlock()
	skipped := len(sub.gaps) > 0 && sub.gaps[0] < seq
	if skipped {
		sub.gaps = sub.gaps[1:]
	}
	return skipped
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
		d.notifier.mu.Lock()
		if sub.dispatcher.Load() != d { // the supervisor has just started
			d.notifier.mu.Unlock()
			continue
		}
		if i := slices.Index(d.subs, sub); i >= 0 {
			d.subs = slices.Delete(d.subs, i, i+1)
			d.notifier.listeners.Add(-1)
		}
		sub.endLocked()
		d.notifier.mu.Unlock()
		return
	}
}
