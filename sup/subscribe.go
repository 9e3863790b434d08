package sup

import (
	"context"
	"iter"
	"slices"
	"sync/atomic"
)

// A subscription is a bounded stream of events of a supervisor and of those below it.
// It never holds up the tree: events that do not fit are dropped and counted.
type subscription struct {
	dispatcher atomic.Pointer[dispatcher]
	events     chan Event
	dropped    atomic.Uint64

	path string // only events of this path and below it are offered; fixed

	// Protected by the pump's lock.
	ended bool
	full  bool     // the last event was dropped
	gaps  []uint64 // the first events of those that were dropped one after the other: at most one for each that is held
}

// eventBuffer is how many events may wait for the reader of a subscription.
const eventBuffer = 1024

func newSubscription(path string) *subscription {
	return &subscription{path: path, events: make(chan Event, eventBuffer)}
}

func (d *dispatcher) subscribe(sub *subscription) {
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

func (sub *subscription) offerLocked(e *Event) {
	if !isWithin(e.Path, sub.path) {
		return
	}
	select {
	case sub.events <- *e:
		sub.full = false
	default:
		if !sub.full {
			sub.gaps = append(sub.gaps, e.Seq)
		}
		sub.full = true
		sub.dropped.Add(1)
	}
}

// skippedBefore reports whether events were dropped between the
// last one that was taken and the one of a number.
func (sub *subscription) skippedBefore(seq uint64) bool {
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

func (sub *subscription) endLocked() {
	if !sub.ended {
		sub.ended = true
		close(sub.events)
	}
}

// all returns an iterator over the events, which ends with the subscription or with
// ctx.
func (sub *subscription) all(ctx context.Context) iter.Seq[Event] {
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

// close ends the subscription. It may be called more than once.
func (sub *subscription) close() {
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
