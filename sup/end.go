package sup

import (
	"context"
	"time"
)

// The end of a supervisor has two halves. Anything may begin it, under the lock and at
// once: Shutdown, the end of a context, an escalation, an auto-shutdown (endLocked). One
// goroutine carries it out, without the lock: the one that drives the life. So a worker
// may shut its own supervisor down, and an exit that escalates waits for nothing.

// endLocked makes the supervisor begin to end. The goroutine in drive does the rest.
// Only the first call has an effect.
func (s *core) endLocked(cause *StopError, failure error) {
	if s.life.phase >= ending {
		return
	}
	// The order matters: endByLocked and failLocked look at the phase, and goroutines that
	// the closed channel wakes look at all of it.
	s.life.phase = ending
	s.setDeadlineLocked()
	s.life.stopCause = cause // before the channel is closed: it is read without the lock after that
	s.failLocked(failure)
	close(s.signal.stop)
}

// endByLocked is endLocked for a supervisor that was asked to end. how says by what.
func (s *core) endByLocked(cause *StopError, how error) {
	if s.life.phase < ending {
		s.life.endCause = how
	}
	s.endLocked(cause, nil)
}

// failLocked makes the first failure of a supervisor that ends its error.
func (s *core) failLocked(failure error) {
	if failure == nil || s.life.failure != nil || s.life.phase != ending {
		return
	}
	s.life.failure = failure
	s.emitLocked(SupervisorFailed, Exit{ExitAbnormal, failure})
}

// endExitLocked returns how the supervisor has ended: with a failure, because it was
// asked to, or normally, with its significant children.
func (s *core) endExitLocked() Exit {
	switch {
	case s.life.failure != nil:
		return Exit{ExitAbnormal, s.life.failure}
	case s.life.endCause != nil:
		return Exit{ExitShutdown, s.life.endCause}
	}
	return Exit{Kind: ExitNormal}
}

// errShutdownCalled is the end of a supervisor on which Shutdown was called.
var errShutdownCalled = &alias{ErrShutdown, "call of Shutdown"}

// An endedContext is the end of a supervisor whose context has ended.
type endedContext struct {
	stop     *StopError // the cause that its children see
	deadline bool       // set if the deadline of the context has passed
}

// contextEnd returns how a supervisor ends whose context has ended. For a nested
// supervisor that is why the supervisor above has asked it to stop.
func contextEnd(ctx context.Context, stop *StopError) error {
	if stop == context.Cause(ctx) {
		return stop
	}
	return &endedContext{stop, ctx.Err() == context.DeadlineExceeded}
}

// Error returns what has ended the context.
func (e *endedContext) Error() string {
	text := "cancellation of the supervisor's context"
	if e.deadline {
		text = "deadline of the supervisor's context"
	}
	if cause := e.stop.Err; cause != context.Canceled && cause != context.DeadlineExceeded {
		return withCause(text, cause)
	}
	return text
}

// Unwrap returns the error that wraps ErrShutdown and the cause of the context, and
// context.Canceled or context.DeadlineExceeded, whatever that cause is.
func (e *endedContext) Unwrap() []error {
	if e.deadline {
		return []error{e.stop, context.DeadlineExceeded}
	}
	return []error{e.stop, context.Canceled}
}

// drive waits until the supervisor begins to end, or ctx ends, and then ends it. It
// is what Run does once the children are ready.
func (s *core) drive(ctx context.Context) error {
	select {
	case <-s.signal.stop:
	case <-ctx.Done():
		cause := stopCauseOf(ctx)
		how := contextEnd(ctx, cause)
		s.mu.Lock()
		s.endByLocked(cause, how) // no effect if something else was first
		s.mu.Unlock()
	}
	// An escalation may have begun the end while ctx was looked at. It is then the
	// failure, and the cancellation is forgotten, which endByLocked has seen to.
	s.stopChildren()
	s.finish()
	return s.life.failure // nothing changes it after the end
}

// stopCauseOf returns the cause that children see when ctx, the context of their
// supervisor, is cancelled. For a nested supervisor it is the cause of its own stop.
func stopCauseOf(ctx context.Context) *StopError {
	// The context of a nested supervisor is an incarnation, which is cancelled with a
	// StopError. That cause goes on to the children as it is.
	cause := causeOf(ctx)
	if stop, ok := cause.(*StopError); ok {
		return stop
	}
	return &StopError{Reason: ReasonShutdown, Err: cause}
}

// stopChildren stops all children: in reverse start order and one after the other
// (X1) or, in a set, all at once (X3). Afterwards only stuck and brutal children are
// left.
func (s *core) stopChildren() {
	s.keepTime()
	if s.config.set != SetNone {
		s.stopSet()
	} else {
		s.stopInOrder()
	}
	// A child may have become stuck before childrenStopped was set, and its own report
	// was then too early to count. So the report is repeated here.
	s.mu.Lock()
	s.life.childrenStopped = true
	s.life.asking = closeMade(s.life.asking)
	s.mu.Unlock()
	s.reportStuck()
}

// stopInOrder stops the children one after the other, or as their needs allow (D5).
func (s *core) stopInOrder() {
	// None is added or started once the supervisor is ending.
	s.mu.Lock()
	p := s.planAllLocked()
	s.mu.Unlock()
	p.execute(true, func(i int) bool {
		s.mu.Lock()
		inc := s.stopForEndLocked(p.members[i], s.now())
		s.mu.Unlock()
		if inc != nil { // it may end by itself before it is cancelled
			inc.cancel(s.life.stopCause)
			s.awaitUnlessBrutal(inc)
		}
		return true
	})
}

// stopForEndLocked asks a child to stop because the supervisor ends. It returns the
// incarnation to cancel and wait for, or nil if there is none.
func (s *core) stopForEndLocked(c *child, now time.Duration) *incarnation {
	inc := c.cur
	switch {
	case inc == nil && c.state == StateRestarting:
		s.setStoppedLocked(c, now)
		return nil
	case inc == nil:
		c.wakeLocked() // a handle may wait for an idle child, whose turn to start will not come
		return nil
	case c.state == StateStuck: // it was asked, and its time is over
		return nil
	}
	s.requestStopLocked(inc, intentStop, now)
	return inc
}

// awaitQuiet waits until no goroutine of the supervisor is left. Unless stuckToo is
// set, it gives up, and reports false, when only stuck children are left.
func (s *core) awaitQuiet(stuckToo bool) bool {
	for {
		s.mu.Lock()
		quiet, held := s.quietLocked(), s.list.stuck > 0 && !stuckToo
		s.mu.Unlock()
		if quiet == nil || held {
			return quiet == nil
		}
		<-quiet // another child may have become stuck, too: look again
	}
}

// finish is the last step of a life. It waits for all goroutines, those of stuck
// children too, and then announces the end: first to the supervisor above, so that a
// caller that sees the end finds the events and counts there.
func (s *core) finish() {
	s.awaitQuiet(true)
	s.endKeeping()
	s.mu.Lock()
	s.life.phase = ended
	s.emitLocked(SupervisorStopped, s.endExitLocked())
	s.mu.Unlock()
	// Nothing changes this life any more. The next life of a root may begin already:
	// it merges this one itself, and its observers wait until done is closed.
	s.mergeIntoParent(s.above)
	s.ended.Store(true)
	s.events.close()
	close(s.signal.done)
}

// endUndriven ends the life of the supervisor that an incarnation is, if Initialize
// has begun that life and no Run will end it: a worker that embeds a supervisor may
// fail between the two.
func (s *core) endUndriven(inc *incarnation) {
	if !inc.supervisor { // written by this goroutine
		return
	}
	// The same supervisor may have been started again elsewhere: then its current life
	// belongs to another incarnation.
	life := inc.supervision().current()
	if life.host != inc {
		return
	}
	life.mu.Lock()
	// The worker may also have called Run in a goroutine of its own. Setting driven
	// under the lock makes one of the two end the life.
	left := !life.life.driven && (life.life.phase == serving || life.life.phase == ending)
	if left {
		life.life.driven = true
		life.endLocked(&StopError{Reason: ReasonShutdown}, nil)
	}
	life.mu.Unlock()
	if left {
		s.beginTermination(inc)
		life.stopChildren()
		life.finish()
	}
}
