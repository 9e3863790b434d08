package sup

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/espalier-go/espalier/internal/foreign"
	"github.com/espalier-go/espalier/internal/late"
)

// The start of one incarnation, from its creation until it is ready or has failed.
//
// A start runs in the goroutine of the child, and most starts have a second goroutine
// that waits for them: that of the caller, or of the round. The two meet under the
// supervisor's lock. The goroutine of the child changes the state; the other one looks
// at it, and can only ask the incarnation to stop.

// launchLocked creates the next incarnation of a child and starts it in a new
// goroutine, for a caller that waits for it with awaitStart.
func (s *core) launchLocked(c *child, by initiator) *incarnation {
	inc := s.incarnateLocked(c, 0, s.now(), by)
	s.spawnLocked(inc)
	return inc
}

// spawnLocked starts the goroutine of an incarnation.
func (s *core) spawnLocked(inc *incarnation) {
	s.goroutines.running++
	startLoop(inc)
}

// startLoop starts the goroutine of an incarnation, which has been counted.
func startLoop(inc *incarnation) { go inc.child.loop(inc) }

// incarnateLocked creates the next incarnation of a child. The incarnation begins
// now, unless it has to wait: for its backoff or, if no caller asked for it, for
// observers that are far behind.
func (s *core) incarnateLocked(c *child, wait, now time.Duration, by initiator) *incarnation {
	inc := c.slot.incarnate()
	inc.child = c
	inc.prevKind, inc.prevErr = c.last.Kind, c.last.Err
	inc.startedBy = by
	if c.policy.watchdog > 0 {
		inc.limits = new(limits) // Beat reads it without a lock
	}
	c.cur = inc
	c.clearFailure() // the failure that led here is dealt with
	automatic := by != byCaller
	if wait > 0 || automatic && s.events.backlogged() {
		c.retry.wait = wait
		c.moveLocked(StateRestarting, now, eventDraft{kind: ChildRestarting, delay: wait, exit: c.last})
		return inc
	}
	// Observers learn of a restart before it begins. If the child is in StateRestarting
	// already, because it has waited for a round, they have.
	if automatic && c.state != StateRestarting {
		c.emitLocked(eventDraft{kind: ChildRestarting, exit: c.last}, now)
	}
	inc.phase = lifeStart
	s.beginLocked(inc, now)
	return inc
}

// beginLocked begins the start of an incarnation whose turn has come.
func (s *core) beginLocked(inc *incarnation, now time.Duration) {
	c := inc.child
	begun := Counts{Starts: 1}
	if inc.startedBy != byCaller {
		begun.Restarts = 1
	}
	c.countLocked(begun)
	c.exhausted = false
	inc.n, inc.start = c.counts.Starts, startBegun
	c.moveLocked(StateStarting, now, eventDraft{kind: ChildStarting})
	// The timeout begins with the turn of the incarnation and not with its creation: the
	// backoff is not part of the start.
	if d := c.policy.startTimeout; d > 0 {
		limit := late.Begin(now, d)
		s.armLocked(inc, limit.Next, s.startOverdue)
	}
}

// awaitBackoff waits until the backoff of an incarnation is over and observers have
// caught up, or until the incarnation is cancelled (B2).
func (s *core) awaitBackoff(inc *incarnation) {
	if wait := inc.child.retry.wait; wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-inc.Done():
		}
	}
	// A child that restarts without a pause produces events faster than observers take
	// them, and the queue would grow without bound. So restarts wait for observers.
	s.events.throttle(inc.Done())
}

// beginAfterBackoff begins the start of an incarnation whose backoff is over. It
// reports false if the incarnation must not start: during the wait an operator or
// a round may have asked it to stop, or the supervisor may have begun to end, whose
// request to stop then follows.
func (s *core) beginAfterBackoff(inc *incarnation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inc.intent != intentNone || s.life.phase >= ending {
		return false
	}
	s.beginLocked(inc, s.now())
	return true
}

// noteSupervisor records that the worker just made is a supervisor. It returns
// errOwnTree if that is s or a supervisor above it.
func (s *core) noteSupervisor(inc *incarnation, made *supervision) error {
	for above := s; above != nil; above = above.parent {
		if above == made.life.Load() {
			return errOwnTree
		}
	}
	// A supervisor that is its own descendant would wait for itself when it stops.
	// Only running supervisors can be above, and their lives do not change now.
	inc.mu.Lock()
	inc.moreLocked().nested = made
	inc.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := inc.child
	inc.supervisor, c.supervisor = true, true
	if !c.unlinked.Load() { // an abandoned child may have been removed while its start function ran
		if s.list.supervisors == nil {
			s.list.supervisors = make(map[*child]struct{})
		}
		s.list.supervisors[c] = struct{}{}
	}
	return nil
}

// markReady makes an incarnation ready whose start function or Initialize has
// returned. It reports false if the incarnation is ending: while user code ran, it
// may have been asked to stop, run out of time, or been abandoned.
func (s *core) markReady(inc *incarnation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inc.endingLocked() {
		return false
	}
	s.disarmLocked(inc)
	inc.start = startReady
	c := inc.child
	c.retry.failedStarts = 0
	c.stoppedByOperator, c.removeWhenDown = false, false
	if s.list.lastLives != nil { // frees the last life: snapshots show the new one
		delete(s.list.lastLives, c)
	}
	// Handles read live without the lock, and a reader of the event must find the worker.
	c.live.Store(inc)
	c.moveLocked(StateRunning, s.now(), eventDraft{kind: ChildReady})
	inc.readyAt = c.since
	s.watchLocked(inc)
	return true
}

// startFailed classifies a start that has failed with an error: the start function
// may have chosen not to start the child (S4), or the host may have run out of a
// resource (F4).
func (s *core) startFailed(inc *incarnation, made bool) {
	err := inc.outcome.Err
	// A panic with ErrIgnore as its value is a panic, and errors whose methods misbehave
	// are not looked into.
	switch err.(type) {
	case *PanicError, *foreign.Shielded:
		return
	}
	// The lock is taken only after this: the methods of err are code of the user.
	state := startBegun
	switch {
	case !made && inc.failure() == nil && errors.Is(err, ErrIgnore):
		state = startIgnored
	case exhausted(err):
		state = startExhausted
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	inc.start = state
}

// yields is how often a goroutine that waits for a child yields the processor
// before it makes a channel to wait on. Most starts and stops are over by then.
const yields = 10

// awaitStart waits until an incarnation is ready or has failed to start. If ctx or
// the supervisor ends first, it asks the incarnation to stop, and returns when the
// incarnation has stopped or is stuck. by is the reason of that stop if ctx ends:
// ReasonShutdown if ctx is the supervisor's context, ReasonOperator if it is an
// operator's.
func (s *core) awaitStart(ctx context.Context, inc *incarnation, by StopReason) error {
	c := inc.child
	for turn := 0; ; turn++ {
		if turn < yields {
			runtime.Gosched()
		}
		s.mu.Lock()
		switch {
		case inc.start == startReady: // checked before the end: the incarnation may have been ready and be over by now
			s.mu.Unlock()
			return nil
		case inc.overLocked(), c.cur == inc && c.state == StateStuck:
			err := inc.startErrorLocked()
			s.mu.Unlock()
			return err
		}
		if turn < yields {
			s.mu.Unlock()
			continue
		}
		// The channel is made under the lock that covered the look, so no change is
		// missed between the two.
		changed := c.changedLocked()
		s.mu.Unlock()
		var cause *StopError
		select {
		case <-changed:
			continue // any change of the child: look again
		case <-s.signal.stop:
			cause = s.life.stopCause // fixed before the channel is closed
		case <-ctx.Done():
			cause = &StopError{Reason: by, Err: causeOf(ctx)}
			if by == ReasonShutdown {
				cause = stopCauseOf(ctx)
			}
		}
		// The start may have ended since the last look. requestStop has no effect
		// then if it has failed, and a worker that is ready is stopped like one that
		// is not.
		s.requestStop(inc, intentStop, cause)
		return s.awaitStopped(inc)
	}
}

// awaitStopped waits for an incarnation that was asked to stop during its start,
// and returns why it is not ready.
func (s *core) awaitStopped(inc *incarnation) error {
	s.awaitGone(context.Background(), inc)
	s.mu.Lock()
	defer s.mu.Unlock()
	if inc.start == startReady { // just before it was asked to stop
		return inc.stopCause()
	}
	return inc.startErrorLocked()
}

// startErrorLocked returns why an incarnation is not ready. The incarnation must be
// over or stuck. The error is nil if the start function chose not to start the child and
// nothing has asked the child to stop.
func (inc *incarnation) startErrorLocked() error {
	// A failure of the watchdog, a goroutine or the start timeout is why the start ended,
	// whatever the start function returns.
	if failure := inc.failure(); failure != nil {
		return failure
	}
	if inc.start == startIgnored && inc.intent == intentNone {
		return nil
	}
	stuck := inc.endState != endExited // its goroutine goes on: the outcome must not be read
	if stuck && inc.stopCause() == nil {
		return &StuckError{Children: []StuckChild{{inc.child.path(), inc.n, inc.stackText()}}}
	}
	if stuck || inc.intent != intentNone && (inc.start == startIgnored || inc.outcome.Kind == ExitShutdown) {
		return inc.stopCause()
	}
	return inc.outcome.Err
}

// startOverdue ends a start that has run out of time (S5).
func (s *core) startOverdue(inc *incarnation) {
	s.mu.Lock()
	// The timer may have fired just before the incarnation got ready or began to
	// stop, and waited for the lock since.
	late := inc.start != startReady && s.beginStopLocked(inc, eventDraft{kind: ChildStopping})
	s.mu.Unlock()
	if late {
		inc.fail(&StartTimeoutError{After: inc.child.policy.startTimeout})
	}
}
