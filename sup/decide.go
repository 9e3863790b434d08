package sup

import "time"

// The decisions of a supervisor, as pure functions: no goroutine, no clock, no
// lock. Times are durations since the supervisor began.

// verdict is what becomes of a child whose incarnation has ended.
type verdict uint8

const (
	stayStopped  verdict = iota // stays declared, stopped
	removeChild                 // is no longer declared
	restartAlone                // starts again, alone
	restartRound                // starts again, others with it
	quarantine                  // is past its own budget
	escalate                    // is past the supervisor's intensity
)

// judge decides, before any budget is asked, what an exit leads to (R1–R3).
// A failed attempt to restart is tried again whatever the policy (F1).
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

// charge counts one restart (I1). A child with a budget of its own is charged
// there and not on its supervisor (I7).
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

// streak counts the restarts in a row, for the backoff (B1).
type backoffCounter int

// next returns the wait before the next restart.
func (s *backoffCounter) next(b Backoff) time.Duration {
	if b.Min == 0 {
		return 0
	}
	*s++
	return b.jittered(b.wait(int(*s)))
}

const (
	// spinAfter is how many attempts in a row may fail at once, without a
	// backoff, before there is a pause before each (F4).
	spinAfter = 9
	spinPause = time.Millisecond
	// exhaustedPause is the least pause after a start that failed because the
	// host has run out of something (F4).
	exhaustedPause = time.Second
)

// pause returns the wait before the next attempt to restart a child: its
// backoff, or longer, given how many attempts in a row have failed, and whether
// the host was why.
func pause(backoff time.Duration, missed int, exhausted bool) time.Duration {
	switch {
	case exhausted:
		return max(backoff, exhaustedPause)
	case missed >= spinAfter:
		return max(backoff, spinPause)
	}
	return backoff
}

// window counts restarts in a sliding stretch of time. It keeps the times of
// the last limit.Restarts counts, in a ring that grows as it is needed.
type window struct {
	limit Intensity
	times []time.Duration // ring
	head  int             // index of the oldest
	size  int
}

func newWindow(limit Intensity) window { return window{limit: limit} }

// boundless reports that the limit cannot be exceeded: a billion restarts, at
// more than one a nanosecond. Without it {math.MaxInt, 1h} would be a memory
// leak.
func (w *window) boundless() bool {
	n := w.limit.Restarts
	return n < 0 || n > 1e9 && int64(n) > int64(w.limit.Within)
}

// count adds a restart at now, and reports whether the limit is kept. Two
// restarts at the same time may come in either order.
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

// slide forgets what is no longer within the window.
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

// canTrip reports whether a child that fails as fast as its backoff lets it
// could ever exceed its own budget (S3): whether some Restarts+1 failures fit
// into Within. Either the waits grow, or an incarnation lives ResetAfter and
// they begin again; the cheaper is taken at each step.
func canTrip(budget Intensity, b Backoff) bool {
	if b.Min == 0 || b.Jitter == 1 || budget.Restarts < 1 {
		return true
	}
	shortest := func(n int) time.Duration {
		d := b.wait(n)
		return d - time.Duration(b.Jitter*float64(d))
	}
	left, n := budget.Within, 1
	// Ten thousand steps are enough to find the mistakes that people make.
	for remaining := min(budget.Restarts, 10_000); remaining > 0; remaining-- {
		step := shortest(n)
		if fresh := b.ResetAfter + shortest(1); fresh >= b.ResetAfter && fresh < step {
			step, n = fresh, 1
		}
		if step > left {
			return false
		}
		if b.wait(n+1) == b.wait(n) { // they grow no more: all that remain cost the same
			return step == 0 || int64(remaining) <= int64(left/step)
		}
		left -= step
		n++
	}
	return true
}
