package sup

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
)

// The start of a supervisor: its declared children start one after the other, in the
// goroutine of the caller. Exits that come meanwhile are settled as always, but restarts
// and rounds wait for the end of the start (see serveLocked).

// begin starts all declared children in order (S1). If one fails, it stops those
// that have been started (S2) and returns the error; the caller must then finish the
// life.
func (s *core) begin(ctx context.Context) error {
	err := s.startDeclared(ctx)
	// The methods of ctx may be code of the user, so ctx is looked at before the lock
	// is taken.
	cancelled, cause := ctx.Err() != nil, stopCauseOf(ctx)
	var how error
	if cancelled {
		how = contextEnd(ctx, cause)
	}
	s.mu.Lock()
	if err == nil && s.life.phase == beginning {
		s.serveLocked()
		s.mu.Unlock()
		return nil
	}
	// While children were starting, Shutdown may have been called, or a child that
	// was ready may have been one failure too many. The start has then seen no more
	// than the stop that followed.
	if err == nil {
		err = s.life.stopCause
	}
	if s.life.failure != nil {
		err = s.life.failure
	}
	if stop, ok := err.(*StopError); ok {
		err = &CallError{"start", s.path, stop}
	}
	if cancelled {
		s.endByLocked(cause, how)
	} else {
		s.endLocked(cause, err)
	}
	s.mu.Unlock()
	s.stopChildren()
	return err
}

// startDeclared starts the idle children. It returns early, without an error, if the
// supervisor begins to end.
func (s *core) startDeclared(ctx context.Context) error {
	s.mu.Lock()
	p := s.planAllLocked()
	s.mu.Unlock()
	b := &declaredStart{core: s, ctx: ctx, cancel: func(error) {}, failures: make([]error, len(p.members))}
	if p.waits != nil { // others may be starting when one fails
		b.ctx, b.cancel = context.WithCancelCause(ctx)
		defer b.cancel(nil)
	}
	p.execute(false, func(i int) bool { return b.start(p.members[i], &b.failures[i]) })
	b.failures = slices.DeleteFunc(b.failures, func(err error) bool { return err == nil })
	switch len(b.failures) {
	case 0:
		return b.stopped
	case 1:
		return b.failures[0]
	}
	return errors.Join(b.failures...)
}

// declaredStart is the start of the declared children of a supervisor.
type declaredStart struct {
	*core
	ctx      context.Context // ends with the context of the supervisor, and with the first failure
	cancel   context.CancelCauseFunc
	failures []error // for each child

	starting int           // number of children that are starting; guarded by core.mu
	stalled  chan struct{} // nil if nothing waits; closed when starting is 0

	failed  atomic.Bool
	once    sync.Once
	stopped error // why a child is not ready that was asked to stop; set by once
}

// start is the turn of one child. It reports false if those that wait for the child must
// not start.
func (b *declaredStart) start(c *child, failure *error) bool {
	if b.ctx.Err() != nil {
		if !b.failed.Load() {
			b.stop(stopCauseOf(b.ctx))
		}
		return false
	}
	b.mu.Lock()
	b.awaitNeedsLocked(c)
	if b.life.phase != beginning || b.unmetLocked(c) != nil && c.state == StateIdle { // the context has ended
		b.mu.Unlock()
		return b.life.phase == beginning && b.start(c, failure)
	}
	var inc *incarnation
	if c.state == StateIdle && !c.unlinked.Load() { // an operator may have stopped or started it before its turn
		inc = b.launchLocked(c, byCaller)
		b.starting++
	}
	b.mu.Unlock()
	if inc == nil {
		return true
	}
	err := b.awaitStart(b.ctx, inc, ReasonShutdown)
	b.mu.Lock()
	if b.starting--; b.starting == 0 {
		b.stalled = closeMade(b.stalled)
	}
	b.mu.Unlock()
	if err == nil || b.stoppedDuringStart(c) {
		return true
	}
	_, stopped := err.(*StopError)
	err = &StartError{Path: c.path(), Err: err}
	// Those that are starting when one fails are told to stop, and that is no failure (D3).
	// One that fails at the same moment with an error of its own is named too.
	if stopped {
		b.stop(err)
		return false
	}
	*failure = err
	b.failed.Store(true)
	b.cancel(&StopError{Reason: ReasonShutdown})
	return false
}

// awaitNeedsLocked waits until all that a child needs are ready. They have had their
// turns, but may have failed since. Failures wait for the end of the start, which waits
// for this child: so if nothing else is starting, they have their rounds now.
//
// It releases the lock while it waits: an operator may stop the child then, and the
// supervisor may begin to end.
func (b *declaredStart) awaitNeedsLocked(c *child) {
	for {
		n := b.unmetLocked(c)
		if n == nil || c.state != StateIdle || c.unlinked.Load() || b.life.phase != beginning || b.ctx.Err() != nil {
			return
		}
		if b.starting == 0 && len(b.rounds.line) > 0 && !b.rounds.running {
			b.spawnRoundsLocked()
		}
		if b.stalled == nil {
			b.stalled = make(chan struct{})
		}
		needed, changed, stalled := n.changedLocked(), c.changedLocked(), b.stalled
		b.mu.Unlock()
		select {
		case <-needed:
		case <-changed:
		case <-stalled:
		case <-b.ctx.Done():
		case <-b.signal.stop:
		}
		b.mu.Lock()
	}
}

// stop records why a child that was asked to stop is not ready.
func (b *declaredStart) stop(why error) { b.once.Do(func() { b.stopped = why }) }

// stoppedDuringStart reports whether a child is not ready because an operator has
// stopped it. The start of the supervisor then goes on without the child.
func (s *core) stoppedDuringStart(c *child) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.stoppedByOperator && s.life.phase == beginning
}

// serveLocked ends a start that has succeeded. Children that got ready may have
// failed or ended before the last child was ready: what follows from that is decided
// now (in OTP too, the supervisor handles no exit before its start is over).
func (s *core) serveLocked() {
	s.life.phase = serving
	s.emitLocked(SupervisorStarted, Exit{})
	// A significant child may have been added since another ended, and then
	// AutoShutdownAllSignificant waits for it too.
	if s.life.endAtReady && (s.config.auto == AutoShutdownAnySignificant || s.list.significant == 0) {
		s.endLocked(&StopError{Reason: ReasonShutdown}, nil)
		return
	}
	if len(s.rounds.line) == 0 {
		return
	}
	if s.config.strategy != OneForOne {
		if !s.rounds.running {
			s.spawnRoundsLocked()
		}
		return
	}
	// A restart may be one too many and end the supervisor: the rest then stays down.
	line := s.rounds.line
	s.rounds.line = nil
	for _, c := range line {
		if c.inLine && s.life.phase == serving { // otherwise something has settled it since
			c.inLine = false
			if next := s.restartAloneLocked(c, s.now()); next != nil {
				s.spawnLocked(next)
			}
		}
	}
}

// finishFailedStart ends the life of a supervisor whose start has failed. It waits
// for no stuck child, so that the StartTimeout of children bounds a failed start too;
// a goroutine waits in its place.
func (s *core) finishFailedStart(err error) error {
	if s.awaitQuiet(false) {
		s.finish()
	} else {
		defer func() { go s.finish() }() // after the error has been made, which lists what is left
	}
	if left := s.remainingError(nil); left != nil {
		return errors.Join(err, left)
	}
	return err
}
