package sup

import (
	"context"
	"time"

	"github.com/espalier-go/espalier/internal/late"
)

// The watchdog of an incarnation (L1) is a timer that checks when the last beat was. A beat
// only stores the time, which is cheaper than a reset of the timer.

// Beat reports to the watchdog that the worker with the context ctx is alive. If ctx does
// not belong to an incarnation with a Watchdog, Beat has no effect. It takes no lock, and
// is safe for concurrent use.
func Beat(ctx context.Context) {
	if inc := incarnationOf(ctx); inc != nil && inc.child.policy.watchdog > 0 {
		inc.limits.beat.Store(int64(inc.child.sup.now()))
	}
}

// watchLocked starts the watchdog of an incarnation that has become ready.
func (s *core) watchLocked(inc *incarnation) {
	if inc.child.policy.watchdog == 0 {
		return
	}
	now := s.now()
	inc.limits.lastBeat = int64(now)
	inc.limits.beat.Store(inc.limits.lastBeat)
	inc.limits.silent = late.Begin(now, inc.child.policy.watchdog)
	s.goroutines.running++
	inc.limits.watch = time.AfterFunc(inc.limits.silent.Next(now), func() { s.checkBeat(inc) })
}

// unwatchLocked stops the watchdog. If the timer has fired already, checkBeat counts
// its goroutine down itself.
func (s *core) unwatchLocked(inc *incarnation) {
	if inc.limits != nil && inc.limits.watch != nil && inc.limits.watch.Stop() {
		s.endGoroutineLocked()
	}
}

// checkBeat fails the incarnation if its last beat is too long ago.
func (s *core) checkBeat(inc *incarnation) {
	if silent := s.silence(inc); silent > 0 {
		// A dump stops the program, so it is taken without the lock. If the
		// incarnation ends meanwhile, fail has no effect on it.
		s.fail(inc, &UnhealthyError{Silent: silent, Limit: inc.child.policy.watchdog, Stack: s.abandoned.dump().of(inc)})
		s.mu.Lock()
		s.endGoroutineLocked()
		s.mu.Unlock()
	}
}

// silence returns the time since the last beat if the watchdog has expired. Otherwise it
// returns 0, and resets the timer unless the incarnation is ending.
func (s *core) silence(inc *incarnation) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inc.endingLocked() { // the incarnation began to end after the timer fired
		s.endGoroutineLocked()
		return 0
	}
	l := inc.limits
	// A beat moves the time at which the worker would be unhealthy. Only this timer looks
	// at it, so a beat is noticed when the timer fires and not before.
	if beat := l.beat.Load(); beat != l.lastBeat {
		l.lastBeat = beat
		l.silent.Renew(time.Duration(beat))
	}
	now := s.now()
	if wait := l.silent.Next(now); wait > 0 {
		l.watch.Reset(wait)
		return 0
	}
	return now - time.Duration(l.lastBeat)
}
