package sup

import (
	"context"
	"runtime"
	"time"

	"github.com/espalier-go/espalier/internal/late"
)

// The stop of one incarnation: the request, the shutdown timeout, and the wait.

// requestStop asks an incarnation to stop, unless it is over. The shutdown timeout
// begins now.
func (s *core) requestStop(inc *incarnation, intent stopIntent, cause *StopError) {
	s.mu.Lock()
	if inc.overLocked() {
		s.mu.Unlock()
		return
	}
	s.requestStopLocked(inc, intent, s.now())
	s.mu.Unlock()
	// Cancelling without the lock is safe: the incarnation may end first, but no
	// other cause can be meant for it.
	inc.cancel(cause)
}

// requestStopLocked is requestStop without the cancellation. The caller must cancel
// the incarnation after it has released the lock.
func (s *core) requestStopLocked(inc *incarnation, intent stopIntent, now time.Duration) {
	// An operator's stop outlasts a round's: a child that is to stay stopped is not
	// restarted because a round comes to it later.
	inc.intent = max(inc.intent, intent)
	if s.life.phase >= ending {
		s.life.asked = true
		s.life.asking = closeMade(s.life.asking)
	}
	s.stoppingLocked(inc, now, eventDraft{kind: ChildStopping})
}

// stoppingLocked begins the shutdown timeout, unless it has begun. Handles no longer
// find the worker from now on.
func (s *core) stoppingLocked(inc *incarnation, now time.Duration, e eventDraft) {
	if inc.stopBy != 0 {
		return
	}
	// An incarnation that waits for its backoff has not started: its child stays
	// restarting until the stop is settled.
	c := inc.child
	inc.stopBy = late.Begin(now, inc.stopTimeLocked()).End
	c.live.Store(nil)
	if inc.start != startPending {
		c.moveLocked(StateStopping, now, e)
	}
}

// stopTimeLocked returns the shutdown timeout of an incarnation. No stop waits for a
// brutal one, but the child is stuck if it never returns.
func (inc *incarnation) stopTimeLocked() time.Duration {
	if grace := inc.child.policy.grace(inc.supervisor); grace != Brutal {
		return grace
	}
	return DefaultShutdown
}

// stopTimer returns a function for a timer of the shutdown timeout, which must not be
// Infinity. Both must be called with the lock held. The function returns how long the
// timer must run, or 0 if the timeout is over. It must be called before the timer is set
// and each time that the timer has fired.
//
// A timer that fires much too late extends the timeout once, because the whole program
// was suspended, and the worker with it. So does the first timer if it is set much too
// late.
func (inc *incarnation) stopTimer(now time.Duration) func(now time.Duration) time.Duration {
	due := now // when the timer should fire next
	if !inc.timed {
		due, inc.timed = inc.stopBy-inc.stopTimeLocked(), true
	}
	return func(now time.Duration) time.Duration {
		limit := late.Limit{Length: inc.stopTimeLocked(), End: inc.stopBy, Due: due, Extended: inc.extended}
		wait := limit.Next(now)
		inc.stopBy, inc.extended, due = limit.End, limit.Extended, limit.Due
		return wait
	}
}

// boundStopLocked sets a timer that ends the shutdown timeout, for a stop that
// nothing waits for.
func (s *core) boundStopLocked(inc *incarnation) {
	if inc.stopBy != Infinity {
		s.armLocked(inc, inc.stopTimer(s.now()), func(inc *incarnation) { s.markOverdue(inc) })
	}
}

// stopDeadline returns the deadline of Terminate, if it has one.
func (s *core) stopDeadline(inc *incarnation) (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case inc.child.policy.shutdown == Brutal:
		return s.born, true // has passed
	case inc.stopBy == Infinity:
		return time.Time{}, false
	}
	return s.born.Add(inc.stopBy), true
}

// beginStopLocked begins the shutdown timeout of an incarnation that ends by itself,
// with a timer, since nothing waits for it. It reports false if the incarnation is
// ending already.
func (s *core) beginStopLocked(inc *incarnation, e eventDraft) bool {
	if inc.endingLocked() {
		return false
	}
	s.stoppingLocked(inc, s.now(), e)
	s.boundStopLocked(inc)
	return true
}

// fail ends an incarnation for a reason other than its Run: a goroutine of the
// worker, the watchdog, or a start that takes too long. err is the outcome even if
// the incarnation is stopping already.
func (s *core) fail(inc *incarnation, err error) {
	s.mu.Lock()
	s.beginStopLocked(inc, eventDraft{kind: ChildStopping})
	s.mu.Unlock()
	inc.fail(err)
}

// beginTermination begins the shutdown timeout once Run has returned. It has no
// effect if the timeout is running already.
func (s *core) beginTermination(inc *incarnation) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beginStopLocked(inc, eventDraft{})
}

// awaitUnlessBrutal is the step of an ordered stop between two children. It waits for
// an incarnation that was asked to stop or, if the child is brutal, only makes sure
// that a timer watches over it.
func (s *core) awaitUnlessBrutal(inc *incarnation) {
	if inc.child.policy.shutdown != Brutal {
		s.awaitGone(context.Background(), inc)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !inc.overLocked() { // it may have ended since it was cancelled
		s.boundStopLocked(inc)
	}
}

// awaitGone waits until an incarnation that was asked to stop is over or stuck, and
// makes it stuck when its time is over. If ctx ends first, it returns the cause of
// that, and leaves the rest of the stop to a timer.
func (s *core) awaitGone(ctx context.Context, inc *incarnation) error {
	c := inc.child
	var next func(now time.Duration) time.Duration // nil until the timer is needed
	var timer *time.Timer
	var expired <-chan time.Time // nil if the timer does not run
	for turn := 0; ; turn++ {
		if turn < yields {
			runtime.Gosched()
		}
		s.mu.Lock()
		if inc.overLocked() || c.state == StateStuck {
			s.mu.Unlock()
			return nil
		}
		if turn < yields {
			s.mu.Unlock()
			continue
		}
		// The lock is held from the check until the channel is made, so no change
		// is missed.
		changed, bounded, wait := c.changedLocked(), inc.stopBy != Infinity && expired == nil, time.Duration(0)
		if bounded {
			now := s.now()
			if next == nil {
				next = inc.stopTimer(now)
			}
			wait = next(now)
		}
		s.mu.Unlock()
		switch {
		case bounded && wait == 0:
			s.markOverdue(inc) // looks again, under the lock, whether the time is over
			continue
		case bounded && timer == nil:
			timer = time.NewTimer(wait)
			defer timer.Stop()
			expired = timer.C
		case bounded:
			timer.Reset(wait)
			expired = timer.C
		}
		select {
		case <-changed:
		case <-expired:
			expired = nil // the next turn asks whether the time is over or was extended
		case <-ctx.Done():
			cause := causeOf(ctx)
			s.mu.Lock()
			defer s.mu.Unlock()
			if !inc.overLocked() && c.state != StateStuck { // either may have come since the last look
				s.boundStopLocked(inc)
			}
			return cause
		}
	}
}
