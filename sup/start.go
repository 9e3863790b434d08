package sup

import (
	"context"
	"errors"
)

// The start of a supervisor: its declared children start one after the other, in the
// goroutine of the caller. Exits that come meanwhile are settled as always, but restarts
// and rounds wait for the end of the start (see serveLocked).

// begin starts all declared children in order (S1). If one fails, it stops those
// that have been started (S2) and returns the error; the caller must then finish the
// life.
func (s *core) begin(ctx context.Context) error {
	s.mu.Lock()
	children := s.cursorLocked(s.list.first, false)
	s.mu.Unlock()
	err := s.startDeclared(ctx, children)
	// The methods of ctx may be code of the user, so ctx is looked at before the lock
	// is taken.
	cancelled, cause := ctx.Err() != nil, stopCauseOf(ctx)
	var how error
	if cancelled {
		how = contextEnd(ctx, cause)
	}
	s.mu.Lock()
	children.endLocked()
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
func (s *core) startDeclared(ctx context.Context, children *cursor) error {
	for {
		if ctx.Err() != nil {
			return stopCauseOf(ctx)
		}
		s.mu.Lock()
		c := children.nextLocked()
		if c == nil || s.life.phase != beginning {
			s.mu.Unlock()
			return nil
		}
		var inc *incarnation
		if c.state == StateIdle { // an operator may have stopped or started it before its turn
			inc = s.launchLocked(c, byCaller)
		}
		s.mu.Unlock()
		if inc == nil {
			continue
		}
		err := s.awaitStart(ctx, inc, ReasonShutdown)
		if err != nil && !s.stoppedDuringStart(c) {
			return &StartError{Path: c.path(), Err: err}
		}
	}
}

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
	if len(s.round.queue) == 0 {
		return
	}
	if s.config.strategy != OneForOne {
		s.spawnRoundsLocked()
		return
	}
	// A restart may be one too many and end the supervisor: the rest then stays down.
	for c := s.nextFailedLocked(); c != nil && s.life.phase == serving; c = s.nextFailedLocked() {
		if next := s.restartAloneLocked(c, s.now()); next != nil {
			s.spawnLocked(next)
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
