package sup

import (
	"context"
	"time"
)

// Rounds: the stopping and starting that the failure of one child causes under
// one_for_all and rest_for_one. The goroutine of a child that fails while no
// round is going on leads it, and those of the failures that came meanwhile.

// lead leads rounds until no failure waits for one. The caller has set
// s.leading, and its goroutine ends after.
func (s *core) lead() {
	for {
		s.mu.Lock()
		c := s.nextFailedLocked()
		if c == nil || s.phase >= ending {
			s.leading = false
			s.endGoroutineLocked()
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		s.conduct(c)
	}
}

// nextFailedLocked takes the first failure from the queue that nothing has
// settled since.
func (s *core) nextFailedLocked() *child {
	for len(s.failed) > 0 {
		c := s.failed[0]
		s.failed = s.failed[1:]
		if c.queued {
			c.queued = false
			return c
		}
	}
	s.failed = nil
	return nil
}

// conduct leads the round of one failure: stop, wait, start. If a start fails
// in it, that is the next failure of the same round (F2). It reports false if
// there was no round: the child is quarantined, or the supervisor ends.
func (s *core) conduct(failed *child) bool {
	for stopped := false; failed != nil; stopped = true {
		s.mu.Lock()
		v := rest // an operator has taken it out of the round meanwhile
		if failed.state == Restarting || failed.state == Stuck {
			v = s.chargeLocked(failed, s.now())
		}
		if v == escalate || v != again && !stopped {
			s.mu.Unlock()
			return stopped
		}
		if v != again { // the others of the round go on without it
			s.mu.Unlock()
			failed = s.startAgain(failed.seq + 1)
			continue
		}
		from := failed.seq
		if s.decl.strategy == OneForAll {
			from = 0
		}
		s.absorbing, s.leader, s.roundFrom, s.roundTo = true, failed, from, s.seq
		cause := &StopError{Reason: ByRound, Path: failed.path(), Err: failed.last.Err}
		wait := failed.row.next(failed.policy.backoff)
		s.mu.Unlock()
		s.stopRound(cause)
		if !s.awaitRound(failed, wait) {
			return true
		}
		failed = s.startAgain(from)
	}
	return true
}

// stopRound stops the children of the round in reverse order, one after the
// other (T2, T3).
func (s *core) stopRound(cause *StopError) {
	s.mu.Lock()
	children := s.walkLocked(s.last, true)
	s.mu.Unlock()
	for {
		s.mu.Lock()
		c := children.nextLocked()
		if c == nil || c.seq < s.roundFrom || s.phase >= ending {
			children.endLocked()
			s.mu.Unlock()
			return
		}
		inc := s.stopForRoundLocked(c)
		s.mu.Unlock()
		if inc != nil {
			inc.cancel(cause)
			s.letGo(inc)
		}
	}
}

// stopForRoundLocked makes a child part of the round, and returns the
// incarnation to cancel and wait for, if there is one.
func (s *core) stopForRoundLocked(c *child) *incarnation {
	inc := c.cur
	switch {
	case c.seq > s.roundTo: // added since
	case inc == nil && c.queued: // its failure is part of this round now (I5)
		c.queued = false
	case inc == nil && c.state == Stopped && !c.parked:
		s.holdLocked(c, s.now())
	case inc == nil:
	case c.state == Stuck: // it is waited for when the round starts it again
		inc.fate = max(inc.fate, fateRound)
	case inc.sponsored && !inc.ready: // being added or restarted by an operator: comes after the round
		s.apart = append(s.apart, c)
	default:
		s.tellLocked(inc, fateRound, s.now())
		return inc
	}
	return nil
}

// awaitRound waits out the backoff of the child whose failure led to the round
// (B3), until the supervisor ends, or until an operator has taken that child
// out of the round. It holds up nothing (B2): a failure that comes meanwhile
// leads a round of its own at once. It reports false if that has started all
// that waited here.
func (s *core) awaitRound(failed *child, wait time.Duration) bool {
	s.mu.Lock()
	s.absorbing, s.apart = false, nil
	n := failed.n
	s.mu.Unlock()
	if wait == 0 {
		return true
	}
	timer, began := time.NewTimer(wait), s.now()
	defer timer.Stop()
	s.mu.Lock()
	failed.emitLocked(news{kind: ChildRestarting, delay: wait, exit: failed.last}, s.now())
	s.mu.Unlock()
	for {
		if s.now()-began >= wait { // also while another round was led: what is queued comes after this one
			return true
		}
		s.mu.Lock()
		called := failed.state != Restarting && (failed.state != Stuck || failed.cur.fate == fateRest) // off, by an operator
		if called || failed.n != n || s.phase >= ending {
			s.mu.Unlock()
			return true
		}
		if other := s.nextFailedLocked(); other != nil {
			covers := s.decl.strategy == OneForAll || other.seq <= failed.seq
			s.mu.Unlock()
			if !covers && other.policy.backoff.Min > 0 {
				s.join(other) // two waits would hold up each other
			} else if s.conduct(other) && covers {
				return false
			}
			continue
		}
		changed := failed.changedLocked()
		if s.interrupt == nil {
			s.interrupt = make(chan struct{})
		}
		interrupt := s.interrupt
		s.mu.Unlock()
		select {
		case <-timer.C:
			return true
		case <-changed:
		case <-interrupt:
		case <-s.stop:
			return true
		}
	}
}

// join makes a child with a backoff of its own, which was started during the
// wait of a round that it comes after, and has failed, part of that round: it is
// counted, those after it stop, and all start with the round.
func (s *core) join(failed *child) {
	s.mu.Lock()
	if failed.state != Restarting || s.chargeLocked(failed, s.now()) != again {
		s.mu.Unlock()
		return
	}
	failed.row.next(failed.policy.backoff)
	s.absorbing, s.leader, s.roundFrom, s.roundTo = true, failed, failed.seq, s.seq
	cause := &StopError{Reason: ByRound, Path: failed.path(), Err: failed.last.Err}
	s.mu.Unlock()
	s.stopRound(cause)
	s.mu.Lock()
	s.absorbing, s.apart = false, nil
	s.mu.Unlock()
}

// startAgain starts the children of the round in order, from a place in it on,
// and returns the first that fails to start.
func (s *core) startAgain(seq uint64) *child {
	s.mu.Lock()
	from := s.last
	for from != nil && from.prev != nil && from.prev.seq >= seq {
		from = from.prev
	}
	if from != nil && from.seq < seq {
		from = nil
	}
	children := s.walkLocked(from, false)
	c := children.nextLocked()
	s.mu.Unlock()
	for c != nil && s.startInRound(c) {
		s.mu.Lock()
		c = children.nextLocked()
		s.mu.Unlock()
	}
	s.mu.Lock()
	children.endLocked()
	s.mu.Unlock()
	return c
}

// replacesLocked reports that the round starts a child again that has not gone
// yet, and so has to wait for it (X6).
func (s *core) replacesLocked(c *child) bool {
	return c.cur.fate != fateRest && c.policy.restart != Temporary && c.seq <= s.roundTo
}

// startInRound starts one child if the round is to start it, and reports false
// if that failed. A child that has not gone yet is waited for.
func (s *core) startInRound(c *child) bool {
	for {
		s.mu.Lock()
		inc := c.cur
		switch {
		case s.phase >= ending:
			s.mu.Unlock()
			return true
		case inc != nil && s.replacesLocked(c) && (c.state == Stopping || c.state == Stuck):
			changed := c.changedLocked()
			s.mu.Unlock()
			select {
			case <-changed:
			case <-s.stop:
			}
			continue
		case inc != nil, c.state != Restarting, c.queued:
			s.mu.Unlock()
			return true
		}
		inc = s.launchLocked(c, true, true)
		s.mu.Unlock()
		err := s.awaitStart(context.Background(), inc, ByShutdown)
		if err == nil || ignored(err) {
			return true
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		// Else somebody wanted it to stop, and it is no failure.
		return c.state != Restarting && (c.state != Stuck || inc.fate == fateRest)
	}
}
