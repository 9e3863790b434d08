package sup

import (
	"context"
	"errors"
	"runtime"
	"time"
)

// launchLocked begins a new incarnation in a goroutine of its own.
func (s *core) launchLocked(c *child, sponsored, automatic bool) *incarnation {
	inc := s.incarnateLocked(c, 0, s.now(), automatic)
	inc.callerWaits = sponsored
	s.liveLocked(inc)
	return inc
}

// liveLocked gives an incarnation its goroutine.
func (s *core) liveLocked(inc *incarnation) {
	s.goroutines.running++
	go inc.child.loop(inc)
}

// begin starts all declared children in order (S1), or none (S2). After an
// error, the caller finishes the life.
func (s *core) begin(ctx context.Context) error {
	s.mu.Lock()
	children := s.cursorLocked(s.list.first, false)
	s.mu.Unlock()
	err := s.startDeclared(ctx, children)
	told, cause := ctx.Err() != nil, stopCauseOf(ctx) // the methods of ctx are the caller's code
	var how error
	if told {
		how = contextEnd(ctx, cause)
	}
	s.mu.Lock()
	children.endLocked()
	if err == nil && s.life.phase == beginning {
		s.openLocked()
		s.mu.Unlock()
		return nil
	}
	if err == nil {
		err = s.life.stopCause
	}
	if s.life.failure != nil { // it gave up meanwhile, and what the start saw of that is only the stop
		err = s.life.failure
	}
	if stop, ok := err.(*StopError); ok {
		err = &CallError{"start", s.path, stop}
	}
	if told { // to end
		s.endByLocked(cause, how)
	} else {
		s.endLocked(cause, err)
	}
	s.mu.Unlock()
	s.stopChildren()
	return err
}

// leave ends a start that has failed. What is stuck is left to a goroutine, so
// that a start can be bounded.
func (s *core) leave(err error) error {
	if s.awaitQuiet(false) {
		s.finish()
	} else {
		defer func() { go s.finish() }()
	}
	if left := s.stillThere(nil); left != nil {
		return errors.Join(err, left)
	}
	return err
}

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
		if c.state == StateIdle {
			inc = s.launchLocked(c, true, false)
		}
		s.mu.Unlock()
		if inc == nil {
			continue
		}
		err := s.awaitStart(ctx, inc, ReasonShutdown)
		if err != nil && !ignored(err) && !s.calledOff(c) {
			return &StartError{Path: c.path(), Err: err}
		}
	}
}

// calledOff reports that a child did not get ready because an operator
// terminated it during the start, which goes on then.
func (s *core) calledOff(c *child) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.stoppedByOperator && s.life.phase == beginning
}

// openLocked ends the start: failures that came meanwhile are decided now.
func (s *core) openLocked() {
	s.life.phase = serving
	s.emitLocked(SupervisorStarted, Exit{})
	if s.life.endAtReady && (s.config.auto == AutoShutdownAnySignificant || s.list.significant == 0) { // some may have been added
		s.endLocked(&StopError{Reason: ReasonShutdown}, nil)
		return
	}
	if len(s.round.queue) == 0 {
		return
	}
	if s.config.strategy != OneForOne {
		s.round.running = true
		s.goroutines.running++
		go s.runRounds()
		return
	}
	for c := s.nextFailedLocked(); c != nil && s.life.phase == serving; c = s.nextFailedLocked() {
		if next := s.restartAloneLocked(c, s.now()); next != nil {
			s.liveLocked(next)
		}
	}
}

// yields is how often who waits for a child gives way to it, before it makes
// something to wait with: mostly that is not needed then.
const yields = 10

// awaitStart waits until an incarnation is ready, or has failed to start. When
// ctx ends first, or the supervisor does, the incarnation is told to stop; it
// returns when that has been done, or has taken too long. The end of ctx is
// that of the supervisor, or an operator's word.
func (s *core) awaitStart(ctx context.Context, inc *incarnation, by StopReason) error {
	c := inc.child
	for turn := 0; ; turn++ {
		if turn < yields {
			runtime.Gosched()
			if c.live.Load() == inc { // so it is ready: the common case, without the lock
				return nil
			}
		}
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
		if turn < yields {
			s.mu.Unlock()
			continue
		}
		changed := c.changedLocked()
		s.mu.Unlock()
		var cause *StopError
		select {
		case <-changed:
			continue
		case <-s.signal.stop:
			cause = s.life.stopCause
		case <-ctx.Done():
			cause = &StopError{Reason: by, Err: causeOf(ctx)}
			if by == ReasonShutdown {
				cause = stopCauseOf(ctx)
			}
		}
		s.requestStop(inc, intentStop, cause)
		return s.awaitStopped(inc)
	}
}

// awaitStopped waits for an incarnation that was told to stop while it
// started, and returns why it did not get ready.
func (s *core) awaitStopped(inc *incarnation) error {
	s.awaitGone(context.Background(), inc)
	s.mu.Lock()
	defer s.mu.Unlock()
	if inc.ready {
		return inc.stopCause()
	}
	return inc.startErrorLocked()
}

// startErrorLocked says why an incarnation did not get ready.
func (inc *incarnation) startErrorLocked() error {
	if failure := inc.failure(); failure != nil {
		return failure
	}
	if inc.ignored {
		return &ignoreError{inc.outcome.Err}
	}
	stuck := !inc.over || inc.abandoned // then the outcome is not there to be read
	if stuck && inc.stopCause() == nil {
		return &StuckError{Children: []StuckChild{{inc.child.path(), inc.n, inc.child.stackText()}}}
	}
	if stuck || inc.outcome.Kind == ExitShutdown && inc.intent != intentNone {
		return inc.stopCause()
	}
	return inc.outcome.Err
}

// An ignoreError carries what a start function returned that chose not to start
// its child.
type ignoreError struct{ error }

// Unwrap returns ErrIgnore and what was returned.
func (e *ignoreError) Unwrap() []error { return []error{ErrIgnore, e.error} }

func ignored(err error) bool {
	_, is := err.(*ignoreError)
	return is
}

// startOverdue ends a start that has run out of time (S5).
func (s *core) startOverdue(inc *incarnation) {
	s.mu.Lock()
	late := !inc.ready && s.failingLocked(inc)
	s.mu.Unlock()
	if late {
		inc.fail(&StartTimeoutError{After: inc.child.policy.startTimeout})
	}
}

// armLocked bounds what an incarnation is doing now. next returns how long the
// timer has to run before next is called again, and 0 if the time is over. The
// timer counts as a goroutine of the supervisor, which waits for it.
func (s *core) armLocked(inc *incarnation, next func(now time.Duration) time.Duration, overdue func(*incarnation)) {
	s.disarmLocked(inc)
	if inc.limits == nil {
		inc.limits = new(limits)
	}
	s.goroutines.running++
	var timer *time.Timer
	timer = time.AfterFunc(next(s.now()), func() {
		s.mu.Lock()
		if inc.limits.timer == timer { // else it was disarmed, and overdue finds that there is nothing to do
			if wait := next(s.now()); wait > 0 {
				timer.Reset(wait)
				s.mu.Unlock()
				return
			}
		}
		s.mu.Unlock()
		overdue(inc)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.endGoroutineLocked()
	})
	inc.limits.timer = timer
}

// disarmLocked takes the bound away. A timer that has fired already finds out
// by itself that it came too late.
func (s *core) disarmLocked(inc *incarnation) {
	if inc.limits == nil || inc.limits.timer == nil {
		return
	}
	if inc.limits.timer.Stop() {
		s.endGoroutineLocked()
	}
	inc.limits.timer = nil
}
