package sup

import (
	"context"
	"fmt"
	"iter"
)

func (o operator) Events(ctx context.Context, path string, after uint64) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if o.base.life.Load() == nil { // nothing will ever happen
			return
		}
		life := o.base.current()
		if path == "" {
			path = life.path
		}
		if path != life.path {
			if _, err := o.child("watch", path); err != nil {
				yield(Event{}, err)
				return
			}
		}
		sub := newSubscription(path)
		life.events.subscribe(sub)
		defer sub.close()
		// The supervisor may have been started since life was loaded. The subscription
		// follows it, and what it missed is on the record of the life that has begun.
		if next := o.base.current(); next != life && life.wasReplaced() {
			life = next
		}
		last := uint64(0)
		if after != FromNow {
			// Whoever was about to tell of an event while nobody listened has done so
			// when all lives have been asked for. So what comes later than the moment
			// of the record comes in order, by the subscription.
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
			// Nothing may come for a long time now.
			if len(sub.events) == 0 && sub.skippedBefore(FromNow) && !yield(Event{}, &SkippedError{After: last}) {
				return
			}
		}
	}
}

// A SkippedError tells that a stream of events has a gap. It wraps
// [ErrSkipped].
type SkippedError struct {
	After uint64 // the number of the last event before the gap; 0 if there was none
}

// Error returns the number of the last event before the gap.
func (e *SkippedError) Error() string { return fmt.Sprintf("%v after number %d", ErrSkipped, e.After) }

// Unwrap returns ErrSkipped.
func (e *SkippedError) Unwrap() error { return ErrSkipped }
