package sup

import (
	"context"
	"math"
	"time"
)

// Rounds: the stopping and starting that the failure of one child causes under
// one_for_all and rest_for_one. The goroutine of a child that fails while no
// round is going on leads it, and those of all failures that come meanwhile.

// lead leads rounds until no failure is in line, and no round waits. The caller
// has set s.leading, and its goroutine ends after.
//
// There is one line for all failures. A start that fails in a round goes to the
// end of it (F2), and what the round has not started yet is held until its turn
// has come, or its backoff is over (B3).
func (s *core) runRounds() {
	for {
		s.mu.Lock()
		held := s.round.waiting
		switch {
		case s.life.phase >= ending:
			held = nil
		case held != nil && s.waitIsOverLocked(held): // before any failure in line: those do not end
			s.round.waiting = nil
			s.mu.Unlock()
			s.startAgain(s.round.waitingFrom)
			continue
		default:
			if c := s.nextFailedLocked(); c != nil {
				s.mu.Unlock()
				s.runRound(c)
				continue
			}
		}
		if held == nil {
			s.round.running, s.round.waiting = false, nil
			s.endGoroutineLocked()
			s.mu.Unlock()
			return
		}
		left, changed := held.due-s.now(), held.changedLocked()
		if s.round.wake == nil {
			s.round.wake = make(chan struct{})
		}
		interrupt := s.round.wake
		s.mu.Unlock()
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-changed:
		case <-interrupt:
		case <-s.signal.stop:
		}
		timer.Stop()
	}
}

// nextFailedLocked takes the first failure from the line that nothing has
// settled since.
func (s *core) nextFailedLocked() *child {
	for len(s.round.queue) > 0 {
		c := s.round.queue[0]
		s.round.queue = s.round.queue[1:]
		if c.queued {
			c.queued = false
			return c
		}
	}
	s.round.queue = nil
	return nil
}

// releasedLocked reports whether the round that waits for a child starts now: the
// backoff of the child is over, or it is no longer to be restarted, because an
// operator has called it off or its budget is used up.
func (s *core) waitIsOverLocked(held *child) bool {
	if held.state != StateRestarting && (held.state != StateStuck || held.cur.intent == intentStop) {
		return true
	}
	return !held.queued && held.due <= s.now()
}

// conduct leads the round of one failure whose turn has come: it is counted, and
// the children of the round are stopped. They start when the backoff of the
// failed child is over.
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
	s.mu.Unlock()
	s.stopRound(cause)
	if s.holdRound(failed, from, wait) {
		s.startAgain(from)
	}
}

// holdBack lets a round wait for the backoff of the child whose failure led to it
// (B3). It reports whether the round starts at once instead, although another
// waits: one that comes after that other, and has no wait of its own.
func (s *core) holdRound(failed *child, from uint64, wait time.Duration) (atOnce bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.round.stopping, s.round.excluded = false, nil
	now := s.now()
	failed.due = now + min(wait, math.MaxInt64-now)
	if wait > 0 && failed.state == StateRestarting {
		failed.emitLocked(eventDraft{kind: ChildRestarting, delay: wait, exit: failed.last}, now)
	}
	if s.round.waiting == nil || from <= s.round.waiting.seq { // or it restarts all that waited, and that wait is over
		s.round.waiting, s.round.waitingFrom = failed, from
		return false
	}
	return wait == 0
}

// stopRound stops the children of the round in reverse order, one after the
// other (T2, T3).
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
		s.mu.Unlock()
		if inc != nil {
			inc.cancel(cause)
			s.awaitStopOrDetach(inc)
		}
	}
}

// stopForRoundLocked makes a child part of the round, and returns the
// incarnation to cancel and wait for, if there is one.
func (s *core) stopForRoundLocked(c *child) *incarnation {
	inc := c.cur
	switch {
	case c.seq > s.round.to: // added since
	case inc == nil && c.state == StateRestarting: // its failure, if it is in line, is part of this round now (I5)
		c.queued, c.due = false, 0
	case inc == nil && c.state == StateStopped && !c.stoppedByOperator:
		s.holdForRoundLocked(c, s.now())
	case inc == nil:
	case c.state == StateStuck: // it is waited for when the round starts it again
		c.queued, c.due = false, 0
		inc.intent = max(inc.intent, intentRestart)
	case inc.callerWaits && !inc.ready: // being added or restarted by an operator: comes after the round
		s.round.excluded = append(s.round.excluded, c)
	default:
		s.requestStopLocked(inc, intentRestart, s.now())
		return inc
	}
	return nil
}

// startAgain starts the children of the round in order, from a place in it on,
// until one fails to start, or has to wait for its own backoff first. The rest is
// held then.
func (s *core) startAgain(seq uint64) {
	s.mu.Lock()
	from := s.list.last
	for from != nil && from.prev != nil && from.prev.seq >= seq {
		from = from.prev
	}
	if from != nil && from.seq < seq {
		from = nil
	}
	children := s.cursorLocked(from, false)
	c := children.nextLocked()
	s.mu.Unlock()
	for c != nil && s.startInRound(c) {
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

// replacesLocked reports that the round starts a child again that has not gone
// yet, and so has to wait for it (X6).
func (s *core) replacesLocked(c *child) bool {
	return c.cur.intent != intentStop && c.policy.restart != Temporary && c.seq <= s.round.to
}

// startInRound starts one child if the round is to start it, and reports false
// if the round cannot go on: the start has failed, and has got in line, or the
// child has a backoff of its own to wait for. A child that has not gone yet is
// waited for.
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
			case <-changed:
			case <-s.signal.stop:
			}
			continue
		case inc != nil, c.state != StateRestarting, c.queued:
			s.mu.Unlock()
			return true
		case c.due > s.now():
			s.mu.Unlock()
			return false
		}
		inc = s.launchLocked(c, true, true)
		s.mu.Unlock()
		err := s.awaitStart(context.Background(), inc, ReasonShutdown)
		if err == nil || ignored(err) {
			return true
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if c.state != StateRestarting && (c.state != StateStuck || inc.intent == intentStop) {
			return true // it was told to stop, which is no failure
		}
		s.enqueueLocked(c)
		return false
	}
}
