package sup

import (
	"context"
	"fmt"
	"iter"
)

// Events implements [Inspector]. It subscribes before it reads the record, so that no event
// is lost in between.
func (o operator) Events(ctx context.Context, path string, after uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if o.base.life.Load() == nil { // never declared: there will be no events
			return
		}
		life := o.base.current()
		whole := path == "" || path == life.path
		if whole {
			path = "" // a nested supervisor that has not been started gets another path
		} else if _, err := o.child("watch", path); err != nil {
			yield(Event{}, err)
			return
		}
		sub := newSubscription(path)
		life.events.subscribe(sub)
		defer sub.close()
		// The supervisor may have been started since life was loaded. The subscription
		// follows it, and what it missed is on the record of the life that has begun.
		if next := o.base.current(); next != life && life.wasReplaced() {
			life = next
		}
		if whole {
			path = life.path
		}
		last := uint64(0)
		if after != FromNow {
			// A supervisor may have been about to emit an event when there was no
			// subscription yet. livesAt takes the lock of each, and so waits until
			// these events are on record. Later ones arrive in order on the
			// subscription.
			life.livesAt(path)
			events, lost, moment := life.recordedAt(path)
			last = after
			if lost > after && !yield(Event{}, &SkippedError{After: last}) {
				return
			}
			for _, e := range events {
				if e.Seq <= after {
					continue
				}
				last = e.Seq
				if !yield(e, nil) {
					return
				}
			}
			after = max(after, moment)
		} else {
			after = 0
		}
		for e := range sub.all(ctx) {
			if sub.skippedBefore(e.Seq) && !yield(Event{}, &SkippedError{After: last}) {
				return
			}
			if e.Seq > after {
				last = e.Seq
				if !yield(e, nil) {
					return
				}
			}
			// The next event may be far away, so a gap before it is reported now.
			if len(sub.events) == 0 && sub.skippedBefore(FromNow) && !yield(Event{}, &SkippedError{After: last}) {
				return
			}
		}
	}
}

// A SkippedError is yielded by a stream of events that has a gap. It wraps [ErrSkipped].
type SkippedError struct {
	// After is the number of the last event before the gap. 0 means that there was none.
	After uint64
}

// Error returns the number of the last event before the gap.
func (e *SkippedError) Error() string { return fmt.Sprintf("%v after number %d", ErrSkipped, e.After) }

// Unwrap returns ErrSkipped.
func (e *SkippedError) Unwrap() error { return ErrSkipped }
