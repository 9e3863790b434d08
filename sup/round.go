package sup

import (
	"context"
	"math"
	"time"
)

// A round stops and starts the children that the failure of one child concerns,
// under one_for_all and rest_for_one. If no goroutine runs rounds, the goroutine of
// the child that failed does. It also runs the rounds of failures that come
// meanwhile, so there is one round at a time.

// spawnRoundsLocked runs rounds in a new goroutine.
func (s *core) spawnRoundsLocked() {
	s.round.running = true
	s.goroutines.running++
	go s.runRounds()
}

// runRounds runs rounds until no failure is in the queue and no round waits. The
// caller has set round.running, and its goroutine ends afterwards.
//
// There is one queue for all failures. A start that fails in a round goes to the end
// of the queue (F2). The children that the round has not started yet wait until its
// turn has come and its backoff is over (B3).
func (s *core) runRounds() {
	for {
		s.mu.Lock()
		waiting := s.round.waiting
		switch {
		case s.life.phase >= ending:
			waiting = nil // the end of the supervisor stops what waits
		case waiting != nil && s.waitIsOverLocked(waiting): // before the queue, which may never be empty
			s.round.waiting = nil
			// Only this goroutine writes round.waitingFrom, so it is read without
			// the lock. Children may fail or be stopped from here on: startInRound
			// looks at each of them again.
			s.mu.Unlock()
			s.startAgain(s.round.waitingFrom)
			continue
		default:
			if c := s.nextFailedLocked(); c != nil {
				// An operator may stop c before the round begins. The round then
				// goes on as if it had begun before.
				s.mu.Unlock()
				s.runRound(c)
				continue
			}
		}
		if waiting == nil {
			// Still under the lock that covered the look at the queue: the next
			// failure finds running unset, and runs its round itself.
			s.round.running, s.round.waiting = false, nil
			s.endGoroutineLocked()
			s.mu.Unlock()
			return
		}
		left, changed := waiting.retry.due-s.now(), waiting.changedLocked()
		if s.round.wake == nil {
			s.round.wake = make(chan struct{})
		}
		wake := s.round.wake
		s.mu.Unlock()
		timer := time.NewTimer(left)
		select {
		case <-timer.C: // the backoff is over
		case <-changed: // an operator may have stopped the child
		case <-wake: // another child has failed
		case <-s.signal.stop:
		}
		timer.Stop()
	}
}

// nextFailedLocked takes the first failure from the queue that nothing has settled
// since it joined.
func (s *core) nextFailedLocked() *child {
	for len(s.round.queue) > 0 {
		c := s.round.queue[0]
		s.round.queue = s.round.queue[1:]
		if c.retry.inLine {
			c.retry.inLine = false
			return c
		}
	}
	s.round.queue = nil
	return nil
}

// waitIsOverLocked reports whether the round that waits for a child starts now: the
// backoff of the child is over, or the child does not start again, because an
// operator has stopped it or its budget is used up.
func (s *core) waitIsOverLocked(waiting *child) bool {
	if waiting.state != StateRestarting && (waiting.state != StateStuck || waiting.cur.intent.staysDown()) {
		return true
	}
	return !waiting.retry.inLine && waiting.retry.due <= s.now()
}

// runRound runs the round of one failure: it counts the failure and stops the
// children of the round. They start when the backoff of the failed child is over.
func (s *core) runRound(failed *child) {
	s.mu.Lock()
	now := s.now()
	if s.countRestartLocked(failed, now) != restartAlone {
		s.mu.Unlock()
		return
	}
	from := failed.seq
	if s.config.strategy == OneForAll {
		from = 0
	}
	s.round.stopping, s.round.cause, s.round.from, s.round.to = true, failed, from, s.list.seq
	cause := &StopError{Reason: ReasonRound, Path: failed.path(), Err: failed.last.Err}
	wait := failed.nextWaitLocked()
	// From here until holdRound, a child of the round that fails is part of the round:
	// isStoppingLocked says so to settleExitLocked.
	s.mu.Unlock()
	s.stopRound(cause)
	if s.holdRound(failed, from, wait) {
		s.startAgain(from)
	}
}

// stopRound stops the children of the round in reverse order, one after the other
// (T2, T3). It stops early if the supervisor begins to end, which stops the rest.
func (s *core) stopRound(cause *StopError) {
	s.mu.Lock()
	children := s.cursorLocked(s.list.last, true)
	s.mu.Unlock()
	for {
		s.mu.Lock()
		c := children.nextLocked()
		if c == nil || c.seq < s.round.from || s.life.phase >= ending {
			children.endLocked()
			s.mu.Unlock()
			return
		}
		inc := s.stopForRoundLocked(c)
		// While the lock is released, the incarnation may end by itself, operators
		// may stop, start, add and remove children, and others may fail. The cursor
		// keeps its place, and each child is looked at when its turn comes.
		s.mu.Unlock()
		if inc != nil {
			inc.cancel(cause)
			s.awaitUnlessBrutal(inc)
		}
	}
}

// stopForRoundLocked makes a child part of the round. It returns the incarnation to
// cancel and wait for, or nil if there is none.
func (s *core) stopForRoundLocked(c *child) *incarnation {
	inc := c.cur
	switch {
	case c.seq > s.round.to: // added since the round began
	case inc == nil && c.state == StateRestarting: // its failure, if in the queue, is part of this round now (I5)
		c.retry.clearFailure()
	case inc == nil && c.state == StateStopped && !c.stoppedByOperator: // had ended: the round brings it back (T4)
		s.holdForRoundLocked(c, s.now())
	case inc == nil:
	case c.state == StateStuck: // startInRound waits for it
		c.retry.clearFailure()
		inc.intent = max(inc.intent, intentRestart)
	case inc.startedBy != byRestart && inc.start != startReady: // an operator is adding or restarting it: that comes after the round
		s.round.excluded = append(s.round.excluded, c)
	default:
		s.requestStopLocked(inc, intentRestart, s.now())
		return inc
	}
	return nil
}

// holdRound makes a round that has stopped its children wait for the backoff of the
// child that failed (B3). It reports whether the round starts at once instead. It
// does if it has no backoff, and another round waits for a child before it.
func (s *core) holdRound(failed *child, from uint64, wait time.Duration) (atOnce bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.round.stopping, s.round.excluded = false, nil
	now := s.now()
	failed.retry.due = now + min(wait, math.MaxInt64-now)
	if wait > 0 && failed.state == StateRestarting { // an operator may have stopped it while the round stopped the others
		failed.emitLocked(eventDraft{kind: ChildRestarting, delay: wait, exit: failed.last}, now)
	}
	if s.round.waiting == nil || from <= s.round.waiting.seq { // this round restarts all that the other waits to start
		s.round.waiting, s.round.waitingFrom = failed, from
		return false
	}
	return wait == 0
}

// startAgain starts the children of the round in order, from the first whose seq is
// not below from. If one fails to start, or must wait for a backoff of its own, the
// round waits for that child, and starts it and the rest later.
func (s *core) startAgain(from uint64) {
	s.mu.Lock()
	first := s.list.last
	for first != nil && first.prev != nil && first.prev.seq >= from {
		first = first.prev
	}
	if first != nil && first.seq < from {
		first = nil
	}
	children := s.cursorLocked(first, false)
	c := children.nextLocked()
	s.mu.Unlock()
	for c != nil && s.startInRound(c) {
		// During the start, children may have joined or left the list.
		s.mu.Lock()
		c = children.nextLocked()
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	children.endLocked()
	if c != nil && s.round.waiting == nil {
		s.round.waiting, s.round.waitingFrom = c, c.seq
	}
}

// startInRound starts one child, if the round starts it. It reports false if the
// round cannot go on: the start has failed and joined the queue, or the child must
// wait for a backoff of its own. If the last incarnation of the child has not gone,
// it waits for that first.
func (s *core) startInRound(c *child) bool {
	for {
		s.mu.Lock()
		inc := c.cur
		switch {
		case s.life.phase >= ending:
			s.mu.Unlock()
			return true
		case inc != nil && s.replacesLocked(c) && (c.state == StateStopping || c.state == StateStuck):
			changed := c.changedLocked()
			s.mu.Unlock()
			select {
			case <-changed: // it has gone, or an operator has stopped it: look again
			case <-s.signal.stop:
			}
			continue
		case inc != nil, c.state != StateRestarting, c.retry.inLine: // it runs, stays stopped, or has a turn of its own
			s.mu.Unlock()
			return true
		case c.retry.due > s.now():
			s.mu.Unlock()
			return false
		}
		inc = s.launchLocked(c, byRound)
		s.mu.Unlock()
		err := s.awaitStart(context.Background(), inc, ReasonShutdown)
		if err == nil {
			return true
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		// The start may have ended because an operator or the end of the supervisor
		// has stopped the child, which is no failure. The child is stopped then, or
		// will be once it is no longer stuck.
		if c.state != StateRestarting && (c.state != StateStuck || inc.intent.staysDown()) {
			return true
		}
		s.enqueueLocked(c)
		return false
	}
}

// replacesLocked reports whether the round starts a child again whose last
// incarnation has not gone, and so has to wait for it (X6).
func (s *core) replacesLocked(c *child) bool {
	return !c.cur.intent.staysDown() && c.policy.restart != Temporary && c.seq <= s.round.to
}
