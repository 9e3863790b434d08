package sup

import (
	"context"
	"fmt"
	"slices"
)

// The start of many children of a set at once (S7).

// An addition is a child that is added to a set, and what has come of it.
type addition struct {
	child *child
	inc   *incarnation // its first, if it was added
	err   error        // why it was not added
}

// addBatch adds and starts children under one lock. found returns the child of the set
// that has the place of addition i already, or nil; that is no error. claim makes
// addition i known. addBatch returns an error if the supervisor takes no children.
func (s *core) addBatch(batch []addition, limit int, found func(i int) *child, claim func(i int)) error {
	s.mu.Lock()
	if err := s.admitLocked(); err != nil {
		s.mu.Unlock()
		return err
	}
	now := s.now()
	for i := range batch {
		a := &batch[i]
		switch {
		case found(i) != nil:
			continue
		case limit > 0 && s.list.count >= limit:
			a.err = fmt.Errorf("%w: %d", ErrMaxChildren, limit)
			continue
		}
		a.child.removeWhenDown, a.child.added = true, true // as in addChild
		claim(i)
		s.linkLocked(a.child)
		a.inc = s.incarnateLocked(a.child, 0, now, byCaller)
		s.goroutines.running++
	}
	// The goroutines start without the lock, because the first thing that they need is the
	// lock. Until then the incarnations are like any that are starting.
	s.mu.Unlock()
	for i := range batch {
		if a := &batch[i]; a.inc != nil {
			startLoop(a.inc)
		}
	}
	return nil
}

// awaitAll waits until children that were added are ready or have failed to start. If ctx
// ends first, it asks those that are still starting to stop. It calls failed for each
// child that is not ready, the last one first.
//
// It waits for the last one first because most of the others are ready by then: each wait
// costs more than a start.
func (s *core) awaitAll(ctx context.Context, incs []*incarnation, failed func(c *child, err error)) {
	cancelled := false
	for i, inc := range slices.Backward(incs) {
		if inc.child.live.Load() == inc {
			continue
		}
		err := s.awaitOutcome(ctx, inc)
		if !cancelled && ctx.Err() != nil {
			s.cancelStarts(incs[:i+1], &StopError{Reason: ReasonOperator, Err: causeOf(ctx)})
			cancelled, ctx = true, context.WithoutCancel(ctx)
			err = s.awaitOutcome(ctx, inc)
		}
		if err != nil {
			failed(inc.child, s.startError(inc.child, err))
		}
	}
	// A child that the look without the lock found ready may be about to record its event,
	// which it does under the lock.
	s.mu.Lock()
	defer s.mu.Unlock()
}

// cancelStarts asks those incarnations to stop that are not ready.
func (s *core) cancelStarts(incs []*incarnation, cause *StopError) {
	now := s.now()
	for _, inc := range incs {
		s.mu.Lock()
		starting := inc.start != startReady && !inc.endingLocked()
		if starting {
			s.requestStopLocked(inc, intentStop, now)
			s.boundStopLocked(inc)
		}
		s.mu.Unlock()
		if starting {
			inc.cancel(cause)
		}
	}
}
