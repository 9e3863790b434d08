package sup

import "time"

// The decisions of a supervisor are pure functions, without goroutines, clocks or
// locks. Times are durations since the supervisor began.

// verdict says what happens to a child whose incarnation has ended.
type verdict uint8

const (
	stayStopped  verdict = iota // the child stays declared and stopped
	removeChild                 // the child is no longer declared
	restartAlone                // the child starts again, alone
	restartRound                // the child starts again in a round with siblings
	quarantine                  // the child has used up its own budget
	escalate                    // the intensity of the supervisor is exceeded
)

// decideRestart returns the verdict of the restart policy, before any counting
// (R1–R3). A failed attempt to restart is retried even if the policy is Transient
// (F1).
func decideRestart(policy Restart, strategy Strategy, exit ExitKind, failedStart bool) verdict {
	switch {
	case policy == Temporary:
		return removeChild
	case policy == Transient && exit != ExitAbnormal && !failedStart:
		return stayStopped
	case strategy == OneForOne:
		return restartAlone
	}
	return restartRound
}

// countRestart counts one restart (I1), in the budget of the child if it has one,
// and otherwise in the intensity of its supervisor (I7).
func countRestart(own, supervisors *window, now time.Duration) verdict {
	if own != nil {
		if !own.count(now) {
			return quarantine
		}
		return restartAlone
	}
	if !supervisors.count(now) {
		return escalate
	}
	return restartAlone
}

// backoffCounter counts the restarts in a row (B1).
type backoffCounter int

// next counts a restart and returns the wait before it.
func (s *backoffCounter) next(b Backoff) time.Duration {
	if b.Min == 0 {
		return 0
	}
	*s++
	return b.jittered(b.wait(int(*s)))
}

const (
	// spinAfter is the number of attempts in a row that may fail before each further
	// attempt waits at least spinPause (F4).
	spinAfter = 9
	spinPause = time.Millisecond
	// exhaustedPause is the shortest wait after a start for which the host lacked
	// resources (F4).
	exhaustedPause = time.Second
)

// pause returns the wait before the next attempt to restart a child. It is the
// backoff or longer, depending on the number of attempts missed in a row and on
// whether the host was exhausted.
func pause(backoff time.Duration, missed int, exhausted bool) time.Duration {
	switch {
	case exhausted:
		return max(backoff, exhaustedPause)
	case missed >= spinAfter:
		return max(backoff, spinPause)
	}
	return backoff
}

// window counts restarts in a sliding period. It keeps the times of the last
// limit.Restarts restarts in a ring that grows on demand.
type window struct {
	limit Intensity
	times []time.Duration // ring
	head  int             // index of the oldest
	size  int
}

func newWindow(limit Intensity) window { return window{limit: limit} }

// boundless reports whether the limit cannot be exceeded, because it would take
// more than a billion restarts at more than one per nanosecond. Recording the
// restarts of {math.MaxInt, 1h} would leak memory.
func (w *window) boundless() bool {
	n := w.limit.Restarts
	return n < 0 || n > 1e9 && int64(n) > int64(w.limit.Within)
}

// count adds a restart at now and reports whether the limit is kept.
func (w *window) count(now time.Duration) bool {
	if w.boundless() {
		return true
	}
	w.slide(now)
	if w.size >= w.limit.Restarts {
		return false
	}
	if w.size == len(w.times) {
		w.grow()
	}
	w.times[(w.head+w.size)%len(w.times)] = now
	w.size++
	return true
}

// slide drops restarts that are no longer within the window.
func (w *window) slide(now time.Duration) {
	for w.size > 0 && now-w.times[w.head] > w.limit.Within {
		w.head = (w.head + 1) % len(w.times)
		w.size--
	}
}

func (w *window) grow() {
	bigger := make([]time.Duration, min(max(4, 2*len(w.times)), w.limit.Restarts))
	n := copy(bigger, w.times[w.head:])
	copy(bigger[n:], w.times[:w.head])
	w.times, w.head = bigger, 0
}

// canTrip reports whether a child that fails as fast as its backoff allows can
// exceed its own budget (S3), that is, whether Restarts+1 failures fit into Within.
//
// At each step either the wait grows, or the incarnation lives for ResetAfter and
// the waits start over. The faster of the two is taken.
func canTrip(budget Intensity, b Backoff) bool {
	if b.Min == 0 || b.Jitter == 1 || budget.Restarts < 1 {
		return true
	}
	shortest := func(n int) time.Duration {
		d := b.wait(n)
		return d - time.Duration(b.Jitter*float64(d))
	}
	left, n := budget.Within, 1
	// The bound keeps the loop short. Ten thousand steps find every likely mistake.
	for remaining := min(budget.Restarts, 10_000); remaining > 0; remaining-- {
		step := shortest(n)
		if fresh := b.ResetAfter + shortest(1); fresh >= b.ResetAfter && fresh < step {
			step, n = fresh, 1
		}
		if step > left {
			return false
		}
		if b.wait(n+1) == b.wait(n) { // the wait is at Max, so all remaining steps take the same time
			return step == 0 || int64(remaining) <= int64(left/step)
		}
		left -= step
		n++
	}
	return true
}
