package sup

import (
	"context"
	"time"

	"github.com/espalier-go/espalier/internal/late"
)

// The watchdog of an incarnation (L1) is a timer that looks for beats.

// Beat tells the watchdog of the incarnation that ctx belongs to that the
// worker is alive. It is cheap, safe for concurrent use, and does nothing
// where there is no watchdog.
func Beat(ctx context.Context) {
	if inc := incarnationOf(ctx); inc != nil && inc.child.policy.watchdog > 0 {
		inc.limits.beat.Store(int64(inc.child.sup.now()))
	}
}

// watchLocked begins to watch an incarnation that has become ready.
func (s *core) watchLocked(inc *incarnation) {
	if inc.child.policy.watchdog == 0 {
		return
	}
	now := s.now()
	inc.limits.heard = int64(now)
	inc.limits.beat.Store(inc.limits.heard)
	inc.limits.silent = late.Begin(now, inc.child.policy.watchdog)
	s.goroutines.running++
	inc.limits.watch = time.AfterFunc(inc.limits.silent.Next(now), func() { s.checkBeat(inc) })
}

// unwatchLocked ends that.
func (s *core) unwatchLocked(inc *incarnation) {
	if inc.limits != nil && inc.limits.watch != nil && inc.limits.watch.Stop() {
		s.endGoroutineLocked()
	}
}

// listen looks whether there was a beat, and ends the incarnation if not.
func (s *core) checkBeat(inc *incarnation) {
	if silent := s.silence(inc); silent > 0 {
		s.fail(inc, &UnhealthyError{Silent: silent, Limit: inc.child.policy.watchdog, Stack: s.abandoned.dump().of(inc)})
		s.mu.Lock()
		s.endGoroutineLocked()
		s.mu.Unlock()
	}
}

// silence returns for how long there was no beat, if that is too long. Else it
// sets the timer again, or ends the watch if the incarnation is ending anyway.
func (s *core) silence(inc *incarnation) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if inc.over || inc.stopBy != 0 {
		s.endGoroutineLocked()
		return 0
	}
	l := inc.limits
	if beat := l.beat.Load(); beat != l.heard {
		l.heard = beat
		l.silent.Renew(time.Duration(beat))
	}
	now := s.now()
	if wait := l.silent.Next(now); wait > 0 {
		l.watch.Reset(wait)
		return 0
	}
	return now - time.Duration(l.heard)
}
