package sup

import "time"

// The time that a supervisor has for its whole stop (X9).

// setDeadlineLocked is called when a supervisor begins to end. The time of a nested
// supervisor is bounded by the rest of that of the supervisor above.
func (s *core) setDeadlineLocked() {
	if s.config.stopWithin == 0 {
		return
	}
	s.life.endsWithin = s.config.stopWithin
	if s.parent != nil {
		if end := s.parent.deadline.Load(); end != nil {
			s.life.endsWithin = max(0, min(s.life.endsWithin, time.Until(*end)))
		}
	}
	end := time.Now().Add(s.life.endsWithin)
	s.deadline.Store(&end)
}

// keepTime starts the goroutine that keeps the time of the stop, if the time is bounded.
func (s *core) keepTime() {
	end := s.deadline.Load()
	if end == nil {
		return
	}
	k := &timeKeeper{make(chan struct{}), make(chan struct{})}
	s.mu.Lock()
	within := s.life.endsWithin
	s.life.keeper = k
	s.mu.Unlock()
	go func() {
		defer close(k.gone)
		last := max(within/10, 100*time.Millisecond) // the part of the time in which all have been asked
		if s.awaitTime(end.Add(-last), k) {
			s.askAll()
		}
		if s.awaitTime(*end, k) {
			s.runOut()
		}
	}()
}

// awaitTime waits until a moment, and reports false if the stop is over before.
func (s *core) awaitTime(until time.Time, k *timeKeeper) bool {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-k.over:
		return false
	}
}

// endKeeping ends the goroutine of keepTime, and waits for it.
func (s *core) endKeeping() {
	s.mu.Lock()
	k := s.life.keeper
	s.mu.Unlock()
	if k != nil {
		close(k.over)
		<-k.gone
	}
}

// askAll asks all children to stop, and everything below those that are supervisors,
// whatever the order of the stop is. The goroutine that stops the children goes on, and
// finds that they were asked.
func (s *core) askAll() {
	for _, c := range s.children() {
		s.mu.Lock()
		inc := s.stopForEndLocked(c, s.now())
		s.mu.Unlock()
		if inc != nil { // it may have ended by itself
			inc.cancel(s.life.stopCause)
		}
	}
	for _, below := range s.nested() {
		below.mu.Lock()
		up := below.life.phase == beginning || below.life.phase == serving || below.life.phase == ending
		if up { // it sees the cancellation of its context only a moment later
			below.endByLocked(s.life.stopCause, s.life.stopCause)
		}
		below.mu.Unlock()
		if up {
			below.askAll()
		}
	}
}

// runOut makes all stuck that has not stopped. A supervisor that nothing is above abandons
// it, so that it can end. One that is nested waits for it, as for any stuck child: the
// supervisor above must not start it again beside what is left of it (X6).
func (s *core) runOut() {
	s.stickAll()
	if s.host != nil {
		return
	}
	err := s.remainingError(nil)
	if err == nil {
		return // all has stopped meanwhile
	}
	var lives []*core
	s.mu.Lock()
	s.life.ranOut = true
	s.failLocked(err)
	for c := s.list.first; c != nil; {
		next, inc := c.next, c.cur // c may leave the list
		if inc != nil && !inc.overLocked() && c.state == StateStuck {
			if below := inc.nestedLocked(); below != nil {
				lives = append(lives, below)
			}
			s.abandonLocked(inc, Exit{ExitAbnormal, &StuckError{Children: []StuckChild{{c.path(), inc.n, inc.stackText()}}, Err: inc.failure()}})
		}
		c = next
	}
	s.mu.Unlock()
	for _, below := range lives { // no two supervisors are locked at once
		below.sendCounts(s)
	}
}

// stickAll makes all incarnations stuck that have not stopped, those of nested supervisors
// first: the stop above must find them stuck.
func (s *core) stickAll() {
	for _, below := range s.nested() {
		if !below.hasEnded() {
			below.stickAll()
		}
	}
	var left []*incarnation
	s.mu.Lock()
	for c := s.list.first; c != nil; c = c.next {
		if c.cur != nil && c.cur.start != startPending && !c.cur.overLocked() && c.state != StateStuck {
			left = append(left, c.cur)
		}
	}
	s.mu.Unlock()
	if len(left) == 0 {
		return
	}
	dump := s.abandoned.dump() // without the lock: it stops the program
	for _, inc := range left {
		s.markStuck(inc, dump.of(inc))
	}
}
