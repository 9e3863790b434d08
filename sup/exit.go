package sup

import "time"

// What follows the exit of a child.
//
// An exit is settled under one lock and in one step, from the record of the exit to
// the state of the child and the next incarnation. So no goroutine ever sees an exit
// that is decided by half, and exits that come at the same time are settled one after
// the other, each on the outcome of the one before.
//
// The rules themselves are in decide.go. This file looks up what they need and carries
// out what they say.

// exited settles the exit of an incarnation whose goroutine has finished it. It
// returns the next incarnation for the same goroutine, or nil.
func (s *core) exited(c *child, inc *incarnation) *incarnation {
	now := s.now() // before the lock is waited for
	s.mu.Lock()
	if inc.endState == endAbandoned { // settled long ago: this exit changes nothing (R4)
		s.mu.Unlock()
		s.abandoned.remove(inc)
		return nil
	}
	inc.endState = endExited
	next, rounds := s.settleExitLocked(c, inc, inc.outcome, now)
	if next == nil && !rounds {
		s.endGoroutineLocked()
	}
	s.mu.Unlock()
	if rounds {
		// No other goroutine runs rounds: settleExitLocked has set rounds.running
		// for this one. Failures that come from now on join its line.
		s.runRounds()
	}
	return next
}

// settleExitLocked decides what becomes of a child whose incarnation has ended. It
// returns the next incarnation if there is one at once, and reports whether the
// caller must run rounds.
func (s *core) settleExitLocked(c *child, inc *incarnation, exit Exit, now time.Duration) (next *incarnation, rounds bool) {
	s.detachLocked(c, inc)
	s.countExitLocked(c, inc, exit, now)
	ready := inc.start == startReady
	// The first case that applies wins. What has been asked for comes before the
	// restart policy: an incarnation that was asked to stop may have failed on the
	// way, and its failure is no reason to restart it then.
	switch {
	case inc.start == startIgnored && inc.intent == intentNone:
		c.removeWhenDown = false // a child that chose not to start stays declared
		s.setStoppedLocked(c, now)
	case inc.intent == intentQuarantine && !c.stoppedByOperator && s.life.phase < ending:
		// An operator's stop, or the end of the supervisor, that came after the
		// budget was used up leaves the child stopped and not quarantined.
		s.quarantineLocked(c, now)
	case inc.intent.staysDown(), s.life.phase >= ending:
		s.setStoppedLocked(c, now)
	case inc.intent == intentReplace && !s.isStoppingLocked(c):
		// If a round is stopping the child, the round starts it too (below).
		return s.replaceLocked(c, inc, now), false
	case inc.startedBy == byCaller && !ready:
		// The caller waits in awaitStart and gets the error. A failed start of a
		// supervisor ends it, and a failed operator's call is over.
		s.setStoppedLocked(c, now)
	case inc.startedBy == byRound && !ready, inc.intent == intentRestart, s.isStoppingLocked(c):
		// The round knows of it, either because it waits for this start or because
		// it is stopping this child. It puts the failure into the line, or starts the child.
		s.holdForRoundLocked(c, now)
	default:
		return s.decideLocked(c, ready, exit, now)
	}
	return nil, false
}

// detachLocked takes an incarnation off its child: handles no longer find it, and
// its timers stop.
func (s *core) detachLocked(c *child, inc *incarnation) {
	if life := inc.nestedLocked(); life != nil { // snapshots show it until the next life is ready
		if s.list.lastLives == nil {
			s.list.lastLives = make(map[*child]*core)
		}
		s.list.lastLives[c] = life
	}
	c.cur = nil
	c.live.Store(nil)
	s.disarmLocked(inc)
	s.unwatchLocked(inc)
}

// countExitLocked records the exit of an incarnation, and what the next restart of
// its child depends on. An incarnation that never started has no exit.
func (s *core) countExitLocked(c *child, inc *incarnation, exit Exit, now time.Duration) {
	begun, ready := inc.start != startPending, inc.start == startReady
	if begun && inc.start != startIgnored {
		c.last = exit
		if exit.Kind == ExitAbnormal {
			c.countLocked(Counts{Failures: 1})
		}
		c.emitLocked(eventDraft{kind: ChildExited, exit: exit}, now)
	}
	// A start that was asked to stop says nothing about the next one, and nothing retries
	// the start of a caller.
	if begun && !ready && inc.startedBy != byCaller && inc.intent == intentNone {
		c.retry.failedStarts++
		c.exhausted = inc.start == startExhausted
	}
	// The time before the incarnation was ready does not count: a child whose start
	// takes longer than ResetAfter and always fails would never back off.
	if ready && c.policy.backoff.Min > 0 && now-inc.readyAt >= c.policy.backoff.ResetAfter {
		c.retry.backoff = 0
	}
}

// decideLocked applies the restart policy to an exit that nothing asked for.
func (s *core) decideLocked(c *child, ready bool, exit Exit, now time.Duration) (next *incarnation, rounds bool) {
	switch decideRestart(c.policy.restart, s.restartsAloneLocked(c), exit.Kind, !ready) {
	case restartAlone:
		if s.life.phase == beginning { // serveLocked decides
			s.queueLocked(c, now)
			return nil, false
		}
		return s.restartAloneLocked(c, now), false
	case restartRound:
		// If another goroutine runs rounds, it takes this failure from the line, and
		// the goroutine of this child can end.
		s.queueLocked(c, now)
		if s.rounds.running || s.life.phase == beginning {
			return nil, false
		}
		s.rounds.running = true
		return nil, true
	}
	s.setStoppedLocked(c, now)
	s.autoShutdownLocked(c)
	return nil, false
}

// restartAloneLocked counts a restart of this child alone, and returns the next
// incarnation, or nil if the restart was one too many.
func (s *core) restartAloneLocked(c *child, now time.Duration) *incarnation {
	if s.countRestartLocked(c, now) != restartAlone {
		return nil
	}
	return s.incarnateLocked(c, c.nextWaitLocked(), now, byRestart)
}

// nextWaitLocked returns the wait before the next restart of a child (B1, F4).
func (c *child) nextWaitLocked() time.Duration {
	return pause(c.retry.backoff.next(c.policy.backoff), c.retry.failedStarts, c.exhausted)
}

// countRestartLocked counts a restart (I1), and quarantines the child or ends the
// supervisor if it is one too many. The restart after a start that failed because the
// host has run out of a resource is not counted (F4).
func (s *core) countRestartLocked(c *child, now time.Duration) verdict {
	if c.exhausted {
		return restartAlone
	}
	// Most children never fail, so the window of a budget is made by the first
	// failure.
	if c.retry.budget == nil && c.policy.budget != (Intensity{}) {
		w := newWindow(c.policy.budget)
		c.retry.budget = &w
	}
	if c.retry.budget == nil {
		s.restarts.history.add(counted{c, c.counts.Starts, now, c.last})
	}
	// The history is complete before the verdict: if this restart is the one too many,
	// the error of the escalation lists it.
	v := countRestart(c.retry.budget, &s.restarts.window, now)
	switch v {
	case quarantine:
		s.quarantineLocked(c, now)
	case escalate:
		if c.cur == nil { // otherwise it is stuck in its start, and stops when that returns
			s.setStoppedLocked(c, now)
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

// quarantineLocked quarantines a child. A child that is stuck in its start is
// quarantined once the start returns, so that no operator starts another incarnation
// beside it.
func (s *core) quarantineLocked(c *child, now time.Duration) {
	if c.cur != nil {
		c.cur.intent = intentQuarantine
		c.wakeLocked() // handles that wait for the child must fail now
		return
	}
	c.clearFailure()
	c.moveLocked(StateQuarantined, now, eventDraft{kind: ChildQuarantined, exit: c.last})
}

// setStoppedLocked makes a child stopped, and removes it if it is temporary or to be
// removed.
func (s *core) setStoppedLocked(c *child, now time.Duration) {
	c.clearFailure()
	c.moveLocked(StateStopped, now, eventDraft{kind: ChildStopped, exit: c.last})
	if c.policy.restart == Temporary || c.removeWhenDown {
		s.unlinkLocked(c, now)
	}
}

// holdForRoundLocked keeps a child for the round that it is part of, which starts it
// again. A round does not start temporary children (T4).
func (s *core) holdForRoundLocked(c *child, now time.Duration) {
	if c.policy.restart == Temporary {
		s.setStoppedLocked(c, now)
		return
	}
	c.moveLocked(StateRestarting, now, eventDraft{kind: ChildRestarting, exit: c.last})
}

// queueLocked makes a failure wait for its round, or for the end of the start.
func (s *core) queueLocked(c *child, now time.Duration) {
	c.moveLocked(StateRestarting, now, eventDraft{kind: ChildRestarting, exit: c.last})
	s.enqueueLocked(c)
}

// enqueueLocked puts the failure of a child at the end of the line.
func (s *core) enqueueLocked(c *child) {
	c.inLine = true
	s.rounds.line = append(s.rounds.line, c)
	s.wakeRoundsLocked()
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
		// The count leaves out children at rest, whatever has stopped them: c was
		// the last that could keep the supervisor up.
		if s.list.significant > 0 {
			return
		}
	}
	// During the start, a caller waits for all children to be ready. The start
	// succeeds first, and the supervisor ends right after it.
	if s.life.phase == beginning {
		s.life.endAtReady = true
		return
	}
	s.endLocked(&StopError{Reason: ReasonShutdown}, nil)
}
