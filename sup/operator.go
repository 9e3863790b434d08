package sup

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// The calls of an operator on one child. A call waits for that child only, and is not
// counted as a restart. A parameter seen is the number of the incarnation that the
// caller has seen and means; 0 means any.

// admit is admitLocked for callers without the lock.
func (s *core) admit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.admitLocked()
}

// addChild adds a child at the end of the order and returns when it is ready (O1). If
// the start fails, the child is removed, except after ErrIgnore. taken returns the
// child that has the id already, or nil; addChild returns that child with the error.
// claim makes the id known: it is called last, when nothing can refuse the child any
// more, because the child is then found without the lock.
func (s *core) addChild(ctx context.Context, c *child, limit int, needs []string, taken func() *child, claim func()) (other *child, err error) {
	cancelled := cancelledBefore(ctx) // before the lock: the methods of ctx may be code of the user
	s.mu.Lock()
	err = s.admitLocked()
	if err == nil {
		if other = taken(); other != nil {
			err = takenErrorLocked(other)
		}
	}
	if err == nil && limit > 0 && s.list.count >= limit {
		err = fmt.Errorf("%w: %d", ErrMaxChildren, limit)
	}
	if err == nil {
		err = s.checkNeedsLocked(c, needs)
	}
	if err == nil && cancelled != nil {
		s.mu.Unlock()
		return nil, s.startError(c, cancelled)
	}
	if err != nil {
		s.mu.Unlock()
		return other, err
	}
	c.removeWhenDown = true // until it is ready: a start that fails leaves nothing behind
	c.added = true
	claim()
	s.needs.addLocked(c, needs)
	s.linkLocked(c)
	if s.unmetLocked(c) != nil {
		s.mu.Unlock()
		inc, err := s.launchWhenMet(ctx, c)
		if err != nil {
			return nil, s.startError(c, err)
		}
		return nil, s.operatorStartError(c, s.awaitStart(ctx, inc, ReasonOperator))
	}
	inc := s.launchLocked(c, byCaller)
	// From here on the child is like any other: rounds leave it alone until it is ready,
	// the end of the supervisor stops it, and other operators may stop it.
	s.mu.Unlock()
	return nil, s.operatorStartError(c, s.awaitStart(ctx, inc, ReasonOperator))
}

// checkNeedsLocked returns the faults of what a new child needs (D1, D9).
func (s *core) checkNeedsLocked(c *child, ids []string) error {
	if len(ids) == 0 && len(s.needs.dependents[c.name]) == 0 {
		return nil
	}
	children := []need{{c.name, c.policy.restart, ids}}
	for o := s.list.first; o != nil; o = o.next {
		// The needs of others matter only if they may need this child: they needed one
		// of its id that was removed.
		if cyclic := len(s.needs.dependents[c.name]) > 0; cyclic || slices.Contains(ids, o.name) {
			children = append(children, need{o.name, o.policy.restart, s.needs.of[o]})
		}
	}
	f := &faults{path: s.path}
	f.checkNeeds(s.config.strategy, children)
	// The others were checked when they were added, and may need a child that was removed.
	path := c.path()
	if f.list = slices.DeleteFunc(f.list, func(f Fault) bool { return f.Path != path }); len(f.list) > 0 {
		return &SpecError{Path: path, Faults: f.list}
	}
	return nil
}

// launchWhenMet waits until all that a new child needs are ready, and then starts the
// child (D9). If the child does not start, because an operator or the end of the
// supervisor has stopped it or ctx has ended, it is removed.
func (s *core) launchWhenMet(ctx context.Context, c *child) (*incarnation, error) {
	for {
		s.mu.Lock()
		// mu was released: an operator may have stopped or deleted the child, and the
		// supervisor may have begun to end.
		unmet := s.unmetLocked(c)
		switch {
		case c.unlinked.Load():
			s.mu.Unlock()
			return nil, operatorCause
		case s.life.phase >= ending:
			s.unlinkLocked(c, s.now())
			s.mu.Unlock()
			return nil, s.life.stopCause
		case unmet == nil:
			inc := s.launchLocked(c, byCaller)
			s.mu.Unlock()
			return inc, nil
		}
		needed, changed := unmet.changedLocked(), c.changedLocked()
		s.mu.Unlock()
		select {
		case <-needed:
		case <-changed:
		case <-s.signal.stop:
		case <-ctx.Done():
			s.mu.Lock()
			s.unlinkLocked(c, s.now())
			s.mu.Unlock()
			return nil, &StopError{Reason: ReasonOperator, Err: causeOf(ctx)}
		}
	}
}

// cancelledBefore returns an error if ctx has ended before a start begins.
func cancelledBefore(ctx context.Context) error {
	if ctx.Err() == nil {
		return nil
	}
	return &StopError{Reason: ReasonOperator, Err: causeOf(ctx)}
}

// startError returns the error of an operator's start that has failed. If the end of
// the supervisor stopped the child, that is ErrShuttingDown.
func (s *core) startError(c *child, err error) error {
	// The supervisor may have begun to end at any time during the start. Only a start
	// that was stopped for that is a matter of the supervisor; another error stays.
	if stop, ok := err.(*StopError); ok && stop.Reason == ReasonShutdown && s.admit() != nil {
		return ErrShuttingDown
	}
	return &StartError{Path: c.path(), Err: err}
}

// takenErrorLocked returns the error for an id that child c has already.
func takenErrorLocked(c *child) error {
	switch err := c.checkAtRestLocked(0); err {
	case nil:
		return ErrAlreadyDeclared
	case ErrRestarting:
		return err
	}
	return ErrAlreadyRunning
}

// terminate stops a child and keeps it declared (O2), unless the child is temporary
// or remove is set.
func (s *core) terminate(ctx context.Context, c *child, seen int, remove bool) error {
	s.mu.Lock()
	if err := s.admitLocked(); err != nil || c == nil || c.unlinked.Load() {
		s.mu.Unlock()
		return notFoundOr(err)
	}
	if seen != 0 && seen != c.counts.Starts {
		s.mu.Unlock()
		return ErrIncarnation
	}
	c.stoppedByOperator = true
	c.removeWhenDown = c.removeWhenDown || remove
	inc := c.cur
	switch {
	// Without an incarnation there is nothing to wait for. A child in its backoff has
	// one already, and is stopped like one that runs.
	case inc == nil && c.state == StateRestarting, c.state == StateQuarantined, c.state == StateIdle:
		s.setStoppedLocked(c, s.now()) // F3
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
	// The intent is set even if the incarnation was asked to stop before, by a round for
	// example: the operator's word is the last. A failure in the line is called off.
	inc.intent, c.inLine = intentStop, false
	c.wakeLocked() // handles that wait for a worker must fail now, even if the child was stopping or stuck already
	s.mu.Unlock()
	inc.cancel(operatorCause)
	return s.unstoppedError(inc, s.awaitGone(ctx, inc))
}

// unstoppedError returns the error of an operator's call on an incarnation that was
// asked to stop, or nil if the incarnation has stopped. cause is the result of
// awaitGone.
func (s *core) unstoppedError(inc *incarnation, cause error) error {
	c := inc.child
	s.mu.Lock()
	// The child may have been restarted since: only this incarnation counts.
	left := c.cur == inc && c.state == StateStuck || inc.endState == endAbandoned
	nested, stack := inc.supervisor, inc.stackText()
	s.mu.Unlock()
	// left without a cause means that the shutdown timeout has ended the wait, and a
	// cause that ctx has. For a supervisor the error lists what it waits for below.
	switch {
	case nested && (left || cause != nil):
		return inc.stuckBelow(cause)
	case left && cause == nil:
		return &StuckError{Children: []StuckChild{{c.path(), inc.n, stack}}}
	}
	return cause
}

// operatorCause is the cause that a child sees when an operator stops it.
var operatorCause = &StopError{Reason: ReasonOperator}

// restart starts a child that is at rest, in its old place (O3).
func (s *core) restart(ctx context.Context, c *child, seen int) error {
	cancelled := cancelledBefore(ctx) // before the lock: the methods of ctx may be code of the user
	s.mu.Lock()
	if err := s.admitLocked(); err != nil || c == nil || c.unlinked.Load() {
		s.mu.Unlock()
		return notFoundOr(err)
	}
	if err := c.checkAtRestLocked(seen); err != nil {
		s.mu.Unlock()
		return err
	}
	if cancelled != nil {
		s.mu.Unlock()
		return s.startError(c, cancelled)
	}
	inc := s.relaunchLocked(c)
	s.mu.Unlock()
	return s.operatorStartError(c, s.awaitStart(ctx, inc, ReasonOperator))
}

// relaunchLocked starts a child that is at rest, for an operator.
func (s *core) relaunchLocked(c *child) *incarnation {
	c.retry = retryState{} // budget and backoff start over (I7)
	if c.state == StateQuarantined {
		c.stoppedByOperator = true // until it is ready: if the start fails, no round starts it again
	}
	return s.launchLocked(c, byCaller)
}

// operatorStartError returns the error of a restart or a replacement, given the error
// of the start.
func (s *core) operatorStartError(c *child, err error) error {
	if err == nil {
		return nil
	}
	return s.startError(c, err)
}

// delete removes a child that is at rest (O4).
func (s *core) delete(ctx context.Context, c *child, seen int) error {
	cancelled := cancelledBefore(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.admitLocked(); err != nil || c == nil || c.unlinked.Load() {
		return notFoundOr(err)
	}
	// A child that has not started because it waits for what it needs can be deleted too.
	if err := c.checkAtRestLocked(seen); err != nil && (c.state != StateIdle || s.config.strategy != OneForDependents) {
		return err
	}
	if err := s.neededLocked(c); err != nil {
		return err
	}
	if cancelled != nil {
		return cancelled
	}
	s.unlinkLocked(c, s.now())
	return nil
}

// neededLocked returns an error that names the children that need c, or nil if there is
// none (D7).
func (s *core) neededLocked(c *child) error {
	var ids []string
	for _, d := range s.dependentsLocked(c) {
		ids = append(ids, d.name)
	}
	if ids == nil {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrNeeded, strings.Join(ids, ", "))
}

// remove stops a child and removes it.
func (s *core) remove(ctx context.Context, c *child) error {
	err := s.terminate(ctx, c, 0, true)
	// A handle may bring the child of an earlier life: it is in no list of this one.
	if c == nil || c.sup != s {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	// The child may have gone since the wait ended with an error, or been restarted
	// by another operator, which clears removeWhenDown.
	if c.removeWhenDown && c.cur == nil {
		s.unlinkLocked(c, s.now())
	}
	return err
}

// checkAtRestLocked returns nil if an operator may restart or delete a child, or else
// why not.
func (c *child) checkAtRestLocked(seen int) error {
	if seen != 0 && seen != c.counts.Starts {
		return ErrIncarnation
	}
	switch c.state {
	case StateStopped, StateQuarantined:
		return nil
	case StateRestarting:
		return ErrRestarting
	case StateStarting, StateStopping, StateStuck:
		// A child that comes back by itself is restarting for its operators, whatever
		// its state is at the moment.
		inc := c.cur
		if inc != nil && !inc.intent.staysDown() &&
			(inc.startedBy != byCaller && inc.start != startReady || inc.intent == intentRestart && c.policy.restart != Temporary) {
			return ErrRestarting
		}
		// The child will be at rest, but its incarnation has not gone: a restart would
		// run another one beside it.
		if c.state != StateStarting {
			return errStillStopping
		}
	}
	return ErrRunning
}
