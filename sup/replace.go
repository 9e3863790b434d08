package sup

import (
	"context"
	"time"
)

// The call of an operator that replaces an incarnation by the next one (O8).

// replace stops a child and starts its next incarnation as soon as the old one has
// stopped. A child at rest is only started. The transition that settles the exit
// starts the next incarnation, so nothing comes between the two, even if ctx has ended.
func (s *core) replace(ctx context.Context, c *child, seen int) error {
	cancelled := cancelledBefore(ctx) // before the lock: the methods of ctx may be code of the user
	s.mu.Lock()
	if err := s.admitLocked(); err != nil || c == nil || c.unlinked.Load() {
		s.mu.Unlock()
		return notFoundOr(err)
	}
	atRest := c.checkAtRestLocked(seen) == nil
	if !atRest {
		if err := s.checkReplaceableLocked(c, seen); err != nil {
			s.mu.Unlock()
			return err
		}
	}
	switch {
	case cancelled != nil:
		s.mu.Unlock()
		return s.startError(c, cancelled)
	case atRest:
		inc := s.relaunchLocked(c)
		s.mu.Unlock()
		return s.operatorStartError(c, s.awaitStart(ctx, inc, ReasonOperator))
	}
	inc := c.cur
	if c.state == StateStuck { // its shutdown timeout is over
		inc.intent = intentReplace
	} else {
		s.requestStopLocked(inc, intentReplace, s.now())
	}
	s.mu.Unlock()
	inc.cancel(operatorCause)
	for {
		// awaitGone returns early for a stuck child. If that has stopped by the time
		// unstoppedError looks, it is waited for once more.
		cause := s.awaitGone(ctx, inc)
		s.mu.Lock()
		over := inc.overLocked()
		s.mu.Unlock()
		if over {
			break
		}
		if err := s.unstoppedError(inc, cause); err != nil {
			return err // the replacement begins when inc has stopped
		}
	}
	if next := inc.replacement(); next != nil {
		return s.operatorStartError(c, s.awaitOutcome(ctx, next))
	}
	// During the stop, the supervisor may have begun to end, another operator may have
	// stopped the child, or a round may have taken it over.
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.life.phase >= ending:
		return ErrShuttingDown
	case inc.intent.staysDown():
		return ErrStopped
	}
	return ErrRestarting // the round starts it
}

// checkReplaceableLocked returns nil if a child that is not at rest can be replaced, or
// else why not.
func (s *core) checkReplaceableLocked(c *child, seen int) error {
	inc := c.cur
	switch {
	case seen != 0 && seen != c.counts.Starts:
		return ErrIncarnation
	case c.state == StateIdle, inc != nil && inc.startedBy != byRestart && inc.start != startReady:
		return errStarting
	case inc != nil && inc.intent.staysDown(): // also of a child that a round was stopping before (T4)
		return errStillStopping
	case c.policy.restart == Temporary: // it is removed when it ends, and never restarted
		return errTemporary
	case inc == nil, s.isStoppingLocked(c), inc.intent == intentRestart, inc.intent == intentReplace:
		return ErrRestarting
	}
	return nil
}

// replaceLocked returns the incarnation that takes the place of one that an operator
// replaces. It waits for no backoff and is not counted.
func (s *core) replaceLocked(c *child, inc *incarnation, now time.Duration) *incarnation {
	if c.state != StateRestarting {
		c.moveLocked(StateRestarting, now, eventDraft{kind: ChildRestarting, exit: c.last})
	}
	c.retry = retryState{}     // budget and backoff start over
	c.stoppedByOperator = true // until it is ready: if the start fails, no round starts it again
	next := s.incarnateLocked(c, 0, now, byCaller)
	inc.replaceWith(next)
	return next
}

// awaitOutcome waits until an incarnation is ready or has failed to start. Unlike
// [core.awaitStart] it does not stop the start when ctx ends. A child that is replaced ran
// before, and must not stay down because nothing waits.
func (s *core) awaitOutcome(ctx context.Context, inc *incarnation) error {
	c := inc.child
	for {
		s.mu.Lock()
		switch {
		case inc.start == startReady:
			s.mu.Unlock()
			return nil
		case inc.overLocked(), c.cur == inc && c.state == StateStuck:
			err := inc.startErrorLocked()
			s.mu.Unlock()
			return err
		}
		changed := c.changedLocked()
		s.mu.Unlock()
		select {
		case <-changed: // any change of the child: look again
		case <-ctx.Done():
			return causeOf(ctx)
		}
	}
}
