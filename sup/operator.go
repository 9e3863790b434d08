package sup

import (
	"context"
	"fmt"
	"time"
)

// The calls of an operator on one child. None waits for anything but the child
// that it names, and none is counted.

func (s *core) admit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.admitLocked()
}

// adopt adds a child at the end of the order and returns when it is ready
// (O1). If it does not get ready, nothing stays behind; only ErrIgnore leaves
// it declared. The id is claimed when nothing can refuse the child any more: it is
// found without the lock from then on.
func (s *core) addChild(ctx context.Context, c *child, limit int, taken func() *child, claim func()) error {
	called := calledBefore(ctx)
	s.mu.Lock()
	err := s.admitLocked()
	if err == nil {
		if other := taken(); other != nil {
			err = takenErrorLocked(other)
		}
	}
	if err == nil && limit > 0 && s.list.count >= limit {
		err = fmt.Errorf("%w: %d", ErrMaxChildren, limit)
	}
	if err == nil && called != nil {
		s.mu.Unlock()
		return s.startError(c, called)
	}
	if err != nil {
		s.mu.Unlock()
		return err
	}
	c.removeWhenDown = true // until it is ready
	c.added = true
	claim()
	s.linkLocked(c)
	inc := s.launchLocked(c, true, false)
	s.mu.Unlock()
	err = s.awaitStart(ctx, inc, ReasonOperator)
	if err == nil || ignored(err) {
		return err
	}
	return s.startError(c, err)
}

// calledBefore says that a start was called off before it has begun, or nil.
func calledBefore(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return &StopError{Reason: ReasonOperator, Err: causeOf(ctx)}
}

// startError is the error of an operator's start that failed.
func (s *core) startError(c *child, err error) error {
	if stop, ok := err.(*StopError); ok && stop.Reason == ReasonShutdown && s.admit() != nil {
		return ErrShuttingDown
	}
	return &StartError{Path: c.path(), Err: err}
}

// takenErrorLocked says that an id is taken.
func takenErrorLocked(c *child) error {
	switch err := c.restsLocked(0); err {
	case nil:
		return ErrAlreadyDeclared
	case ErrRestarting:
		return err
	}
	return ErrAlreadyRunning
}

// terminate stops a child and keeps it declared (O2), unless it is temporary or
// to be discarded. A caller who has seen an incarnation means that one only; 0 is
// any.
func (s *core) terminate(ctx context.Context, c *child, seen int, discard bool) error {
	s.mu.Lock()
	if err := s.admitLocked(); err != nil || c == nil || c.unlinked.Load() {
		s.mu.Unlock()
		return notFoundOr(err)
	}
	if seen != 0 && seen != c.n {
		s.mu.Unlock()
		return ErrIncarnation
	}
	c.stoppedByOperator = true
	c.removeWhenDown = c.removeWhenDown || discard
	inc := c.cur
	switch {
	case inc == nil && c.state == StateRestarting, c.state == StateQuarantined, c.state == StateIdle:
		s.comeToRestLocked(c, s.now()) // F3
		s.mu.Unlock()
		return nil
	case inc == nil:
		if c.removeWhenDown {
			s.unlinkLocked(c, s.now())
		}
		s.mu.Unlock()
		return nil
	}
	if c.state != StateStuck {
		s.requestStopLocked(inc, intentStop, s.now())
	}
	inc.intent, c.queued = intentStop, false
	c.wakeLocked() // who waits for a live one waits in vain now
	s.mu.Unlock()
	inc.cancel(operatorCause)
	return s.unstoppedError(inc, s.awaitGone(ctx, inc))
}

// unstoppedError is the error of an operator's call on an incarnation that has been
// asked to stop, given what ended the wait for that. It is nil once the incarnation
// has stopped.
func (s *core) unstoppedError(inc *incarnation, cause error) error {
	c := inc.child
	s.mu.Lock()
	left, nested, stack := c.cur == inc && c.state == StateStuck || inc.abandoned, inc.supervisor, c.stackText()
	s.mu.Unlock()
	switch {
	case nested && (left || cause != nil):
		return inc.stuckBelow(cause)
	case left && cause == nil:
		return &StuckError{Children: []StuckChild{{c.path(), inc.n, stack}}}
	}
	return cause
}

var operatorCause = &StopError{Reason: ReasonOperator}

// restart starts a child that is at rest, in its old place (O3).
func (s *core) restart(ctx context.Context, c *child, seen int) error {
	called := calledBefore(ctx)
	s.mu.Lock()
	if err := s.admitLocked(); err != nil || c == nil || c.unlinked.Load() {
		s.mu.Unlock()
		return notFoundOr(err)
	}
	if err := c.restsLocked(seen); err != nil {
		s.mu.Unlock()
		return err
	}
	if called != nil {
		s.mu.Unlock()
		return s.startError(c, called)
	}
	inc := s.relaunchLocked(c)
	s.mu.Unlock()
	return s.operatorStartError(c, s.awaitStart(ctx, inc, ReasonOperator))
}

// relaunchLocked starts a child that is at rest, by an operator's word.
func (s *core) relaunchLocked(c *child) *incarnation {
	c.startOverLocked()
	if c.state == StateQuarantined {
		c.stoppedByOperator = true // should it fail, no round revives it
	}
	return s.launchLocked(c, true, false)
}

// startOverLocked lets the budget and the backoff of a child start over.
func (c *child) startOverLocked() {
	c.budget, c.attempts, c.missed = nil, 0, 0
}

// operatorStartError is the error of a restart or a replacement, given that of the
// start.
func (s *core) operatorStartError(c *child, err error) error {
	if err == nil || ignored(err) {
		return err
	}
	return s.startError(c, err)
}

// replace stops a child, and starts its next incarnation as soon as it has stopped;
// one that is at rest it starts (O8). The transition that settles the exit starts
// the next incarnation, so that nothing comes between, whether or not ctx has ended.
func (s *core) replace(ctx context.Context, c *child, seen int) error {
	called := calledBefore(ctx)
	s.mu.Lock()
	if err := s.admitLocked(); err != nil || c == nil || c.unlinked.Load() {
		s.mu.Unlock()
		return notFoundOr(err)
	}
	rests := c.restsLocked(seen) == nil
	if !rests {
		if err := s.irreplaceableLocked(c, seen); err != nil {
			s.mu.Unlock()
			return err
		}
	}
	switch {
	case called != nil:
		s.mu.Unlock()
		return s.startError(c, called)
	case rests:
		inc := s.relaunchLocked(c)
		s.mu.Unlock()
		return s.operatorStartError(c, s.awaitStart(ctx, inc, ReasonOperator))
	}
	inc := c.cur
	if c.state == StateStuck {
		inc.intent = intentReplace
	} else {
		s.requestStopLocked(inc, intentReplace, s.now())
	}
	s.mu.Unlock()
	inc.cancel(operatorCause)
	for {
		cause := s.awaitGone(ctx, inc)
		s.mu.Lock()
		over := inc.over
		s.mu.Unlock()
		if over {
			break
		}
		if err := s.unstoppedError(inc, cause); err != nil {
			return err // the replacement begins when inc has stopped
		}
	}
	if next := inc.replacement(); next != nil {
		return s.operatorStartError(c, s.awaitReplacement(ctx, next))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.life.phase >= ending:
		return ErrShuttingDown
	case inc.intent == intentStop: // another operator has terminated it meanwhile
		return ErrStopped
	}
	return ErrRestarting // a round has taken it over, and starts it in its turn
}

// irreplaceableLocked says why a child that is not at rest cannot be replaced, or
// nil.
func (s *core) irreplaceableLocked(c *child, seen int) error {
	inc := c.cur
	switch {
	case seen != 0 && seen != c.n:
		return ErrIncarnation
	case c.state == StateIdle, inc != nil && inc.callerWaits && !inc.ready:
		return errStarting
	case inc == nil, s.isStoppingLocked(c), inc.intent == intentRestart, inc.intent == intentReplace:
		return ErrRestarting
	case inc.intent == intentStop:
		return errStillStopping
	case c.policy.restart == Temporary:
		return errTemporary
	}
	return nil
}

// replaceLocked makes the incarnation that takes the place of one that an operator
// has replaced. It waits for no backoff and is not counted.
func (s *core) replaceLocked(c *child, inc *incarnation, now time.Duration) *incarnation {
	if c.state != StateRestarting {
		c.moveLocked(StateRestarting, now, eventDraft{kind: ChildRestarting, exit: c.last})
	}
	c.startOverLocked()
	c.stoppedByOperator = true // should it fail, no round revives it
	next := s.incarnateLocked(c, 0, now, false)
	next.callerWaits = true // a start that fails leaves the child at rest, as after a restart by an operator
	inc.replaceWith(next)
	return next
}

// awaitReplacement waits until the incarnation of a replacement is ready, or has
// failed to start. Unlike [core.awaitStart] it does not call the start off when ctx
// ends: the child ran before, and must not stay down because nothing waits.
func (s *core) awaitReplacement(ctx context.Context, inc *incarnation) error {
	c := inc.child
	for {
		s.mu.Lock()
		switch {
		case inc.ready:
			s.mu.Unlock()
			return nil
		case inc.over, c.cur == inc && c.state == StateStuck:
			err := inc.startErrorLocked()
			s.mu.Unlock()
			return err
		}
		changed := c.changedLocked()
		s.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return causeOf(ctx)
		}
	}
}

// delete removes a child that is at rest (O4).
func (s *core) delete(ctx context.Context, c *child, seen int) error {
	called := calledBefore(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.admitLocked(); err != nil || c == nil || c.unlinked.Load() {
		return notFoundOr(err)
	}
	if err := c.restsLocked(seen); err != nil {
		return err
	}
	if called != nil {
		return called
	}
	s.unlinkLocked(c, s.now())
	return nil
}

// remove stops a child and removes it.
func (s *core) remove(ctx context.Context, c *child) error {
	err := s.terminate(ctx, c, 0, true)
	if c == nil || c.sup != s {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.removeWhenDown && c.cur == nil {
		s.unlinkLocked(c, s.now())
	}
	return err
}

// restsLocked says why a child can be neither restarted nor deleted by a caller
// who has seen that incarnation, or any if it is 0; or nil.
func (c *child) restsLocked(seen int) error {
	if seen != 0 && seen != c.n {
		return ErrIncarnation
	}
	switch c.state {
	case StateStopped, StateQuarantined:
		return nil
	case StateRestarting:
		return ErrRestarting
	case StateStarting, StateStopping, StateStuck:
		inc := c.cur
		if inc != nil && inc.intent != intentStop && (inc.automatic && !inc.ready || inc.intent == intentRestart && c.policy.restart != Temporary) {
			return ErrRestarting
		}
		if c.state != StateStarting {
			return errStillStopping
		}
	}
	return ErrRunning
}
