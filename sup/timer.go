package sup

import "time"

// armLocked sets the timer of an incarnation, which bounds its start or its stop.
// next returns how long the timer has to run before next is called again, or 0 if
// the time is over; it is called with the lock held. overdue is called without the
// lock. The timer counts as a goroutine of the supervisor, so that the supervisor
// does not end before overdue has returned.
func (s *core) armLocked(inc *incarnation, next func(now time.Duration) time.Duration, overdue func(*incarnation)) {
	s.disarmLocked(inc)
	if inc.limits == nil {
		inc.limits = new(limits)
	}
	s.goroutines.running++
	var timer *time.Timer
	timer = time.AfterFunc(next(s.now()), func() {
		s.mu.Lock()
		// If the timer has been replaced or disarmed after it fired, overdue looks
		// at the incarnation and finds nothing to do.
		if inc.limits.timer == timer {
			if wait := next(s.now()); wait > 0 {
				timer.Reset(wait)
				s.mu.Unlock()
				return
			}
		}
		// overdue takes a dump of all stacks, or calls functions of the user that
		// are registered for the cancellation: neither may hold up the supervisor.
		s.mu.Unlock()
		overdue(inc)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.endGoroutineLocked()
	})
	inc.limits.timer = timer
}

// disarmLocked clears the timer. If the timer has fired already, its function
// counts its goroutine down itself.
func (s *core) disarmLocked(inc *incarnation) {
	if inc.limits == nil || inc.limits.timer == nil {
		return
	}
	if inc.limits.timer.Stop() {
		s.endGoroutineLocked()
	}
	inc.limits.timer = nil
}
