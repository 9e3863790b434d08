package sup

import (
	"context"
	"iter"
	"slices"
	"sync/atomic"
)

// A subscription is a bounded stream of the events of a supervisor and its descendants. It
// never delays the tree. Events that do not fit are dropped and counted.
type subscription struct {
	dispatcher atomic.Pointer[dispatcher] // nil until subscribe; changed by takeOver
	events     chan Event                 // closed when the subscription ends
	dropped    atomic.Uint64              // number of dropped events

	path string // only events of this path and below are offered; "" means all; never changed

	// Guarded by the mu of the dispatcher's notifier.
	ended bool
	full  bool     // set while events are being dropped
	gaps  []uint64 // number of the first event of each gap; no more gaps than buffered events, plus one
}

// eventBuffer is the number of events that may wait for the reader of a subscription.
const eventBuffer = 1024

func newSubscription(path string) *subscription {
	return &subscription{path: path, events: make(chan Event, eventBuffer)}
}

// subscribe adds a subscription. It ends the subscription if the supervisor has ended.
func (d *dispatcher) subscribe(sub *subscription) {
	p := d.notifier
	p.mu.Lock()
	if next := d.successor; next != nil { // the supervisor was started meanwhile
		p.mu.Unlock()
		next.subscribe(sub)
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

// offerLocked adds an event to the stream, unless its path is another or the buffer is full.
func (sub *subscription) offerLocked(e *Event) {
	if sub.path != "" && !isWithin(e.Path, sub.path) {
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

// skippedBefore reports whether a gap begins before the event with the given number. It
// reports each gap once.
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

// all returns an iterator over the events. It ends when the subscription or ctx ends.
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
		if sub.dispatcher.Load() != d { // the supervisor was started before Lock
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
