package sup

import (
	"context"
	"math"
	"slices"
	"time"
)

// A round stops and starts the children that the failure of one child concerns, as its
// plan says. One goroutine begins the rounds: that of a child that failed while no other
// did. Under OneForAll and RestForOne it carries them out as well, one after the other.
// Under OneForDependents each has a goroutine of its own, because rounds that share no
// child go on side by side.

// spawnRoundsLocked begins rounds in a new goroutine.
func (s *core) spawnRoundsLocked() {
	s.rounds.running = true
	s.goroutines.running++
	go s.runRounds()
}

// runRounds begins rounds until no failure can have its turn and no round waits. The
// caller has set rounds.running, and its goroutine ends afterwards.
//
// There is one line for all failures. A start that fails in a round goes to the end of
// the line (F2). The children that the round has not started yet wait until its turn has
// come and its backoff is over (B3).
func (s *core) runRounds() {
	for {
		s.mu.Lock()
		r, waits, left := s.nextRoundLocked()
		switch {
		case r == nil && !waits:
			// Still under the lock that covered the look at the line: the next failure
			// finds running unset, and so does the end of a round that goes on.
			s.rounds.running = false
			s.endGoroutineLocked()
			s.mu.Unlock()
			return
		case r == nil:
			wake := make(chan struct{})
			s.rounds.wake = wake
			s.mu.Unlock()
			s.awaitRound(wake, left)
			continue
		case s.config.strategy == OneForDependents:
			s.goroutines.running++
			s.mu.Unlock()
			go s.runRound(r)
			continue
		}
		// An operator may stop the failed child before the round stops the others. The
		// round then goes on as if it had begun before.
		s.mu.Unlock()
		s.carryOut(r)
	}
}

// awaitRound waits until a round may begin or go on. A negative backoff is none.
func (s *core) awaitRound(wake <-chan struct{}, backoff time.Duration) {
	var over <-chan time.Time
	if backoff >= 0 {
		timer := time.NewTimer(backoff)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
	case <-wake: // a child has failed, a round has ended, or an operator has stopped a child that a round waits for
	case <-s.signal.stop:
	}
}

// runRound carries out a round in a goroutine of its own. Failures that have waited for
// the end of this round can have their turn then.
func (s *core) runRound(r *round) {
	s.carryOut(r)
	s.mu.Lock()
	if s.rounds.running {
		s.wakeRoundsLocked()
		s.endGoroutineLocked()
		s.mu.Unlock()
		return
	}
	s.rounds.running = true
	s.mu.Unlock()
	s.runRounds()
}

// nextRoundLocked returns the next round to carry out. If there is none now, it reports
// whether a round waits, and how long its backoff takes at most, which is negative if none
// waits for a backoff.
func (s *core) nextRoundLocked() (next *round, waits bool, backoff time.Duration) {
	if s.life.phase >= ending {
		s.rounds.waiting = nil // the end of the supervisor stops what waits
		return nil, false, -1
	}
	backoff = -1
	now := s.now()
	for i, r := range s.rounds.waiting { // before the line, which may never be empty
		left := r.waitLocked(now)
		if left == 0 && s.freeLocked(r.plan) {
			s.rounds.waiting = slices.Delete(s.rounds.waiting, i, i+1)
			s.goLocked(r)
			return r, false, -1
		}
		if left > 0 && (backoff < 0 || left < backoff) {
			backoff = left
		}
	}
	for i := 0; i < len(s.rounds.line); {
		c := s.rounds.line[i]
		p := planRound(s.config.strategy, c, siblings[*child](orderOf{s}))
		if !s.freeLocked(p) { // its turn has not come
			i++
			continue
		}
		s.rounds.line = removed(s.rounds.line, i) // it may fail again, and is behind the others then
		if !c.inLine {                            // something has settled it since it joined
			continue
		}
		if next = s.beginRoundLocked(c, p, now); next == nil { // it was one too many: a round may have waited for it
			return s.nextRoundLocked()
		}
		return next, false, -1
	}
	return nil, len(s.rounds.waiting) > 0, backoff
}

// removed returns a line without one of its members, which mostly is the first.
func removed(line []*child, i int) []*child {
	if i == 0 {
		return line[1:]
	}
	return slices.Delete(line, i, i+1)
}

// waitLocked returns how long a round waits before it starts its members: until the
// failed child has had its turn, which is a negative time, and until its backoff is over.
// It does not wait for a child that does not start again, because an operator has stopped
// it or its budget is used up.
func (r *round) waitLocked(now time.Duration) time.Duration {
	c := r.failed
	switch {
	case c.state != StateRestarting && (c.state != StateStuck || c.cur.intent.staysDown()):
		return 0
	case c.inLine, r.outside && c.cur == nil:
		return -1
	}
	return max(0, c.retry.due-now)
}

// beginRoundLocked begins the round of a failure whose turn has come: it counts the
// failure and takes the children of the round. It returns nil if the failure was one too
// many.
func (s *core) beginRoundLocked(failed *child, p plan[*child], now time.Duration) *round {
	failed.inLine = false
	if s.countRestartLocked(failed, now) != restartAlone {
		return nil
	}
	r := &round{failed: failed, plan: p, stopping: true, backoff: failed.nextWaitLocked()}
	s.goLocked(r)
	// A round that waits for one of these children has nothing left to do: this one
	// restarts all that it would start.
	s.rounds.waiting = slices.DeleteFunc(s.rounds.waiting, func(w *round) bool { return w.failed.round == r })
	return r
}

// carryOut stops the members of a round, unless they have been stopped, and starts them if
// no backoff has to be waited for.
func (s *core) carryOut(r *round) {
	if r.stopping {
		cause := &StopError{Reason: ReasonRound, Path: r.failed.path(), Err: r.failed.last.Err}
		r.plan.execute(true, func(i int) bool { return s.stopInRound(r, r.plan.members[i], cause) })
		if !s.stopped(r) {
			return
		}
	}
	r.plan.execute(false, func(i int) bool { return s.startInRound(r, i) })
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rounds.going--
	r.leaveLocked(r.plan.members)
}

// stopInRound stops one member of a round. It reports false if the supervisor begins to
// end, which stops the rest.
func (s *core) stopInRound(r *round, c *child, cause *StopError) bool {
	s.mu.Lock()
	if s.life.phase >= ending {
		s.mu.Unlock()
		return false
	}
	inc := s.stopForRoundLocked(r, c)
	// While the lock is released, the incarnation may end by itself, operators may stop,
	// start and remove children, and others may fail. Each member is looked at when its
	// turn comes.
	s.mu.Unlock()
	if inc != nil {
		inc.cancel(cause)
		s.awaitUnlessBrutal(inc)
	}
	return true
}

// stopForRoundLocked prepares a member of a round for its restart. It returns the
// incarnation to cancel and wait for, or nil if there is none.
func (s *core) stopForRoundLocked(r *round, c *child) *incarnation {
	inc := c.cur
	switch {
	case c.unlinked.Load():
	case inc == nil && c.state == StateRestarting: // its failure, if in the line, is part of this round now (I5)
		c.clearFailure()
	case inc == nil && c.state == StateStopped && !c.stoppedByOperator: // had ended: the round brings it back (T4)
		s.holdForRoundLocked(c, s.now())
	case inc == nil:
	case c.state == StateStuck: // startInRound waits for it
		c.clearFailure()
		inc.intent = max(inc.intent, intentRestart)
	case inc.startedBy != byRestart && inc.start != startReady: // an operator is adding or restarting it: that comes after the round
		r.leaveLocked([]*child{c})
	default:
		s.requestStopLocked(inc, intentRestart, s.now())
		return inc
	}
	return nil
}

// stopped is called when a round has stopped its members. It reports whether the round
// starts them now. Otherwise the round waits for the backoff of the child that failed
// (B3), and others may begin meanwhile (B2).
func (s *core) stopped(r *round) (startsNow bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r.stopping = false
	failed, wait, now := r.failed, r.backoff, s.now()
	failed.retry.due = now + min(wait, math.MaxInt64-now)
	if wait > 0 && failed.state == StateRestarting { // an operator may have stopped it while the round stopped the others
		failed.emitLocked(eventDraft{kind: ChildRestarting, delay: wait, exit: failed.last}, now)
	}
	if r.waitLocked(now) == 0 {
		return true
	}
	s.rounds.going--
	r.leaveLocked(r.plan.members)
	s.rounds.waiting = append(s.rounds.waiting, r)
	return false
}

// startInRound starts a member of a round. It reports false if those that wait for it
// cannot be started by this round. They are left to a round that waits for what keeps
// the member down.
func (s *core) startInRound(r *round, i int) bool {
	blocker := s.startMember(r.plan.members[i])
	if blocker == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := r.plan.from(i)
	r.leaveLocked(rest.members)
	s.rounds.waiting = append(s.rounds.waiting, &round{failed: blocker, outside: blocker != r.plan.members[i], plan: rest})
	s.wakeRoundsLocked()
	return false
}

// startMember starts a member of a round, if the round starts it. If the member cannot be
// started now, it returns the child whose turn or backoff has to be waited for. That is
// the member itself if its start has failed and joined the line, or if it must wait for a
// backoff of its own. If the last incarnation of the member has not gone, startMember
// waits for that first.
func (s *core) startMember(c *child) (blocker *child) {
	for {
		s.mu.Lock()
		inc := c.cur
		switch {
		case s.life.phase >= ending, c.unlinked.Load():
			s.mu.Unlock()
			return nil
		case inc != nil && !inc.intent.staysDown() && c.policy.restart != Temporary && (c.state == StateStopping || c.state == StateStuck): // X6
			changed := c.changedLocked()
			s.mu.Unlock()
			select {
			case <-changed: // it has gone, or an operator has stopped it: look again
			case <-s.signal.stop:
			}
			continue
		case inc != nil, c.state != StateRestarting, c.inLine: // it runs, stays stopped, or has a turn of its own
			s.mu.Unlock()
			return nil
		case c.retry.due > s.now():
			s.mu.Unlock()
			return c
		}
		if n := s.unmetLocked(c); n != nil {
			if n.state == StateRestarting && n.cur == nil { // another round starts it, and waits for that may be long
				s.mu.Unlock()
				return n
			}
			needed, changed := n.changedLocked(), c.changedLocked()
			s.mu.Unlock()
			select {
			case <-needed: // it may be ready, or have failed
			case <-changed: // an operator may have stopped c
			case <-s.signal.stop:
			}
			continue
		}
		inc = s.launchLocked(c, byRound)
		s.mu.Unlock()
		err := s.awaitStart(context.Background(), inc, ReasonShutdown)
		if err == nil {
			return nil
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		// The start may have ended because an operator or the end of the supervisor
		// has stopped the child, which is no failure. The child is stopped then, or
		// will be once it is no longer stuck.
		if c.state != StateRestarting && (c.state != StateStuck || inc.intent.staysDown()) {
			return nil
		}
		s.enqueueLocked(c)
		return c
	}
}
