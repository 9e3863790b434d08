package sup

import (
	"errors"
	"time"

	"github.com/espalier-go/espalier/internal/foreign"
	"github.com/espalier-go/espalier/internal/late"
)

// What happens in the goroutine of a child between two phases of its life: the
// transitions that a child makes by itself. Those that are made for it are in
// start.go, stop.go, round.go and operator.go.

// incarnateLocked makes the next incarnation of a child. It begins now, unless
// it has to wait: for its backoff, or, as an automatic one, for observers that
// are far behind.
func (s *core) incarnateLocked(c *child, wait, now time.Duration, automatic bool) *incarnation {
	inc := c.slot.incarnate()
	inc.child = c
	inc.prevKind, inc.prevErr = c.last.Kind, c.last.Err
	inc.automatic = automatic
	if c.policy.watchdog > 0 {
		inc.limits = new(limits)
	}
	c.cur = inc
	c.queued, c.due = false, 0
	if wait > 0 || automatic && s.events.backlogged() {
		c.wait = wait
		c.moveLocked(StateRestarting, now, eventDraft{kind: ChildRestarting, delay: wait, exit: c.last})
		return inc
	}
	if automatic && c.state != StateRestarting {
		c.emitLocked(eventDraft{kind: ChildRestarting, exit: c.last}, now)
	}
	inc.phase = lifeStart
	s.beginLocked(inc, now)
	return inc
}

// beginLocked begins an incarnation: it is its turn to start.
func (s *core) beginLocked(inc *incarnation, now time.Duration) {
	c := inc.child
	c.n++
	c.exhausted = false
	inc.n, inc.begun = c.n, true
	if inc.automatic {
		c.restarts++
	}
	c.moveLocked(StateStarting, now, eventDraft{kind: ChildStarting})
	if d := c.policy.startTimeout; d > 0 {
		limit := late.Begin(now, d)
		s.armLocked(inc, limit.Next, s.startOverdue)
	}
}

// awaitTurn waits out the backoff of an incarnation, and for observers that are
// far behind, or until it is told to stop (B2).
func (s *core) awaitTurn(inc *incarnation) {
	if wait := inc.child.wait; wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-inc.Done():
		}
	}
	s.events.throttle(inc.Done())
}

// starting begins an incarnation whose backoff is over. It reports false if it
// was told to stop meanwhile, or will be because the supervisor ends.
func (s *core) starting(inc *incarnation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inc.intent != intentNone || s.life.phase >= ending {
		return false
	}
	s.beginLocked(inc, s.now())
	return true
}

// madeSupervisor notes that the worker just made is a supervisor, which must
// not be this one, nor one above.
func (s *core) madeSupervisor(inc *incarnation, made *supervision) error {
	for above := s; above != nil; above = above.parent {
		if above == made.life.Load() {
			return ErrOwnTree
		}
	}
	inc.mu.Lock()
	inc.moreLocked().nested = made
	inc.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := inc.child
	inc.supervisor, c.supervisor = true, true
	if !c.unlinked.Load() {
		if s.list.supervisors == nil {
			s.list.supervisors = make(map[*child]struct{})
		}
		s.list.supervisors[c] = struct{}{}
	}
	return nil
}

// readied makes a child whose start function or Initialize has returned ready,
// and reports false if it was told to stop, or has run out of time, meanwhile.
func (s *core) readied(inc *incarnation) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inc.over || inc.stopBy != 0 {
		return false
	}
	s.disarmLocked(inc)
	inc.ready = true
	c := inc.child
	c.missed = 0
	c.stoppedByOperator, c.removeWhenDown = false, false
	if s.list.lastLives != nil { // its last life is forgotten, with all that it holds
		delete(s.list.lastLives, c)
	}
	c.moveLocked(StateRunning, s.now(), eventDraft{kind: ChildReady})
	inc.readyAt = c.since
	if c.supervisor {
		delete(s.list.lastLives, c)
	}
	c.live.Store(inc)
	s.watchLocked(inc)
	return true
}

// startFailed notes what a start that has failed with an error means: the start
// function chose not to start its child (S4), or the host has run out of
// something (F4).
func (s *core) startFailed(inc *incarnation, made bool) {
	err := inc.outcome.Err
	switch err.(type) {
	case *PanicError, *foreign.Shielded:
		return
	}
	ignored := !made && inc.failure() == nil && errors.Is(err, ErrIgnore)
	lack := !ignored && exhausted(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	inc.ignored, inc.exhausted = ignored, lack
}

// exited settles an incarnation that is over, and returns the next one for the
// same goroutine to live, or nil.
func (s *core) exited(c *child, inc *incarnation) *incarnation {
	now := s.now()
	s.mu.Lock()
	if inc.over { // abandoned long ago: nothing depends on it any more (R4)
		s.mu.Unlock()
		s.abandoned.remove(inc)
		return nil
	}
	next, lead := s.settleExitLocked(c, inc, inc.outcome, now)
	if next == nil && !lead {
		s.endGoroutineLocked()
	}
	s.mu.Unlock()
	if lead {
		s.runRounds()
	}
	return next
}

// settleLocked decides what becomes of a child whose incarnation has ended. It
// returns the next incarnation, if there is one at once, or that the caller
// has to lead rounds.
func (s *core) settleExitLocked(c *child, inc *incarnation, exit Exit, now time.Duration) (next *incarnation, lead bool) {
	inc.over = true
	if life := inc.nestedLocked(); life != nil {
		if s.list.lastLives == nil {
			s.list.lastLives = make(map[*child]*core)
		}
		s.list.lastLives[c] = life
	}
	c.cur = nil
	c.live.Store(nil)
	s.disarmLocked(inc)
	s.unwatchLocked(inc)
	if inc.begun && !inc.ignored {
		c.last = exit
		if exit.Kind == ExitAbnormal {
			c.failures++
		}
		c.emitLocked(eventDraft{kind: ChildExited, exit: exit}, now)
	}
	if inc.begun && !inc.ready && inc.automatic && inc.intent == intentNone {
		c.missed++
		c.exhausted = inc.exhausted
	}
	if inc.ready && c.policy.backoff.Min > 0 && now-inc.readyAt >= c.policy.backoff.ResetAfter {
		c.attempts = 0
	}
	switch {
	case inc.ignored && inc.intent == intentNone:
		c.removeWhenDown = false
		s.comeToRestLocked(c, now)
	case inc.overBudget && !c.stoppedByOperator && s.life.phase < ending:
		s.quarantineLocked(c, now)
	case inc.intent == intentStop, s.life.phase >= ending:
		s.comeToRestLocked(c, now)
	case inc.intent == intentReplace && !s.isStoppingLocked(c): // else the round starts it
		return s.replaceLocked(c, inc, now), false
	case inc.callerWaits && !inc.ready && !inc.automatic:
		s.comeToRestLocked(c, now) // and the sponsor sees to what follows
	case inc.callerWaits && !inc.ready, inc.intent == intentRestart, s.isStoppingLocked(c):
		s.holdForRoundLocked(c, now)
	default:
		return s.decideLocked(c, inc.ready, exit, now)
	}
	return nil, false
}

// decideLocked applies the restart policy to an exit that nobody asked for.
func (s *core) decideLocked(c *child, ready bool, exit Exit, now time.Duration) (next *incarnation, lead bool) {
	switch decideRestart(c.policy.restart, s.config.strategy, exit.Kind, !ready) {
	case restartAlone:
		if s.life.phase == beginning { // decided when the start is over, as in OTP
			s.queueLocked(c, now)
			return nil, false
		}
		return s.restartAloneLocked(c, now), false
	case restartRound:
		s.queueLocked(c, now)
		if s.round.running || s.life.phase == beginning {
			return nil, false
		}
		s.round.running = true
		return nil, true
	}
	s.comeToRestLocked(c, now)
	s.autoShutdownLocked(c)
	return nil, false
}

// retryLocked counts a restart of this child alone, and returns its next
// incarnation if it may have one.
func (s *core) restartAloneLocked(c *child, now time.Duration) *incarnation {
	if s.countRestartLocked(c, now) != restartAlone {
		return nil
	}
	return s.incarnateLocked(c, c.nextWaitLocked(), now, true)
}

// nextWaitLocked returns the wait before the next restart of the child (B1, F4).
func (c *child) nextWaitLocked() time.Duration {
	return pause(c.attempts.next(c.policy.backoff), c.missed, c.exhausted)
}

// chargeLocked counts a restart (I1), and carries out the verdict if it is one
// too many. A start that failed for what the host lacks is not counted (F4).
func (s *core) countRestartLocked(c *child, now time.Duration) verdict {
	if c.exhausted {
		return restartAlone
	}
	if c.budget == nil && c.policy.budget != (Intensity{}) {
		w := newWindow(c.policy.budget)
		c.budget = &w
	}
	if c.budget == nil {
		s.restarts.history.add(counted{c, c.n, now, c.last})
	}
	v := countRestart(c.budget, &s.restarts.window, now)
	switch v {
	case quarantine:
		s.quarantineLocked(c, now)
	case escalate:
		if c.cur == nil { // else it is stuck in its start, and rests when it is gone
			s.comeToRestLocked(c, now)
		}
		limit := s.config.intensity
		s.endLocked(&StopError{Reason: ReasonShutdown}, &IntensityError{
			Path:      s.path,
			Intensity: limit,
			Exits:     s.restarts.history.exits(s.born),
			Recent:    s.recentLocked(),
		})
	}
	return v
}

// quarantineLocked quarantines a child: one that is stuck in its start, when it
// is gone, so that no operator starts another beside it.
func (s *core) quarantineLocked(c *child, now time.Duration) {
	if c.cur != nil {
		c.cur.intent, c.cur.overBudget = intentStop, true
		c.wakeLocked()
		return
	}
	c.queued, c.due = false, 0
	c.moveLocked(StateQuarantined, now, eventDraft{kind: ChildQuarantined, exit: c.last})
}

// restLocked lets a child rest: declared and stopped, or no longer declared.
func (s *core) comeToRestLocked(c *child, now time.Duration) {
	c.queued, c.due = false, 0
	c.moveLocked(StateStopped, now, eventDraft{kind: ChildStopped, exit: c.last})
	if c.policy.restart == Temporary || c.removeWhenDown {
		s.unlinkLocked(c, now)
	}
}

// holdLocked keeps a child for the round that it is part of (T4).
func (s *core) holdForRoundLocked(c *child, now time.Duration) {
	if c.policy.restart == Temporary {
		s.comeToRestLocked(c, now)
		return
	}
	c.moveLocked(StateRestarting, now, eventDraft{kind: ChildRestarting, exit: c.last})
}

// queueLocked lets a failure wait: for the end of the start, or for a round to
// be led.
func (s *core) queueLocked(c *child, now time.Duration) {
	c.moveLocked(StateRestarting, now, eventDraft{kind: ChildRestarting, exit: c.last})
	s.enqueueLocked(c)
}

// inLineLocked puts the failure of a child at the end of the line.
func (s *core) enqueueLocked(c *child) {
	c.queued = true
	s.round.queue = append(s.round.queue, c)
	s.round.wake = closeMade(s.round.wake)
}

// autoShutdownLocked ends the supervisor if the end of c is a reason to (A1).
func (s *core) autoShutdownLocked(c *child) {
	if !c.policy.significant {
		return
	}
	switch s.config.auto {
	case AutoShutdownNever:
		return
	case AutoShutdownAllSignificant:
		if s.list.significant > 0 {
			return
		}
	}
	if s.life.phase == beginning {
		s.life.endAtReady = true
		return
	}
	s.endLocked(&StopError{Reason: ReasonShutdown}, nil)
}

// fail ends an incarnation because of something else than its Run: a goroutine
// of it, its watchdog, a start that takes too long. Its time for stopping
// begins now.
func (s *core) fail(inc *incarnation, err error) {
	s.mu.Lock()
	s.failingLocked(inc)
	s.mu.Unlock()
	inc.fail(err)
}

// failingLocked lets the time for stopping begin, and reports false if it has
// already, or the incarnation is over.
func (s *core) failingLocked(inc *incarnation) bool {
	if inc.over || inc.stopBy != 0 {
		return false
	}
	s.stoppingLocked(inc, s.now(), eventDraft{kind: ChildStopping})
	s.boundStopLocked(inc)
	return true
}

// windingUp notes that the Run of an incarnation has returned, and that
// goroutines of it or its Terminate have not: their time begins now, unless it
// has already.
func (s *core) beginTermination(inc *incarnation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inc.over || inc.stopBy != 0 {
		return
	}
	s.stoppingLocked(inc, s.now(), eventDraft{})
	s.boundStopLocked(inc)
}
