package sup

import "time"

// The decisions of a supervisor are pure functions: they use no goroutine, clock or
// lock, and each has its table of cases in decide_internal_test.go. Times are
// durations since the beginning of the supervisor's life.

// verdict is what becomes of a child whose incarnation has ended.
type verdict uint8

const (
	stayStopped  verdict = iota // the child stays stopped
	removeChild                 // the child is removed
	restartAlone                // the child restarts alone
	restartRound                // the child restarts in a round, with others
	quarantine                  // the child has used up its own budget
	escalate                    // the supervisor has used up its intensity
)

// decideRestart decides what an exit leads to, before any budget is looked at (R1–R3).
// A transient child whose restart has failed is restarted again, whatever the exit,
// because the exit that led to the restart was abnormal (F1). alone is set if a restart of
// the child concerns no other.
func decideRestart(policy Restart, alone bool, exit ExitKind, failedStart bool) verdict {
	switch {
	case policy == Temporary:
		return removeChild
	case policy == Transient && exit != ExitAbnormal && !failedStart:
		return stayStopped
	case alone:
		return restartAlone
	}
	return restartRound
}

// countRestart counts one restart (I1). A child with a budget of its own counts there,
// and not against the intensity of its supervisor (I7). It returns restartAlone if the
// limit is kept.
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

// backoffCounter counts the restarts in a row that have had a backoff (B1).
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
	// spinAfter is how many starts in a row may fail without a pause (F4). A child
	// without a backoff and with an unlimited intensity would otherwise use a whole
	// processor.
	spinAfter = 9
	spinPause = time.Millisecond
	// exhaustedPause is the least pause after a start that failed because the host
	// has run out of a resource (F4).
	exhaustedPause = time.Second
)

// pause returns the wait before the next restart of a child: its backoff or, after
// failed starts, more. failedStarts is the number of starts in a row that have failed,
// and exhausted is set if the last failed because the host has run out of a resource.
func pause(backoff time.Duration, failedStarts int, exhausted bool) time.Duration {
	switch {
	case exhausted:
		return max(backoff, exhaustedPause)
	case failedStarts >= spinAfter:
		return max(backoff, spinPause)
	}
	return backoff
}

// window counts restarts within a sliding period. It keeps the times of the last
// limit.Restarts counts, in a ring that grows as it is needed, so the count is exact
// (OTP counts whole seconds).
type window struct {
	limit Intensity
	times []time.Duration // ring
	head  int             // index of the oldest time
	size  int             // number of times in the window
}

// newWindow returns an empty window. Its ring is made by the first count.
func newWindow(limit Intensity) window { return window{limit: limit} }

// boundless reports whether the limit cannot be exceeded: it is unlimited, or over a
// billion restarts at more than one a nanosecond. The ring of an {math.MaxInt, 1h}
// would otherwise grow without bound.
func (w *window) boundless() bool {
	n := w.limit.Restarts
	return n < 0 || n > 1e9 && int64(n) > int64(w.limit.Within)
}

// count adds a restart at now and reports whether the limit is kept. A restart over
// the limit is not added. now may be a little before the last restart: exits take
// their time before they wait for the lock, and need not get it in that order.
func (w *window) count(now time.Duration) bool {
	if w.boundless() {
		return true
	}
	w.slide(now)
	if w.size >= w.limit.Restarts { // also for a limit of no restarts, whose ring stays empty
		return false
	}
	if w.size == len(w.times) {
		w.grow()
	}
	w.times[(w.head+w.size)%len(w.times)] = now
	w.size++
	return true
}

// slide removes the times that are no longer within the window. A time exactly Within
// ago still counts (I6).
func (w *window) slide(now time.Duration) {
	for w.size > 0 && now-w.times[w.head] > w.limit.Within {
		w.head = (w.head + 1) % len(w.times)
		w.size--
	}
}

// grow makes room for more times, up to limit.Restarts.
func (w *window) grow() {
	bigger := make([]time.Duration, min(max(4, 2*len(w.times)), w.limit.Restarts))
	n := copy(bigger, w.times[w.head:])
	copy(bigger[n:], w.times[:w.head])
	w.times, w.head = bigger, 0
}

// canTrip reports whether a child that fails as fast as its backoff allows could ever
// exceed its own budget (S3): whether some Restarts+1 failures fit into Within. Between
// two failures, either the next wait passes, or an incarnation lives for ResetAfter and
// the first wait passes again. The shorter is taken at each step.
func canTrip(budget Intensity, b Backoff) bool {
	if b.Min == 0 || b.Jitter == 1 || budget.Restarts < 1 {
		return true
	}
	// With jitter a wait may be shorter than the backoff says, and the question is what
	// could happen.
	shortest := func(n int) time.Duration {
		d := b.wait(n)
		return d - time.Duration(b.Jitter*float64(d))
	}
	left, n := budget.Within, 1
	// Ten thousand steps take no time, and find every mistake that is not contrived.
	for remaining := min(budget.Restarts, 10_000); remaining > 0; remaining-- {
		step := shortest(n)
		// fresh overflows if ResetAfter is very long, and then it is no shorter.
		if fresh := b.ResetAfter + shortest(1); fresh >= b.ResetAfter && fresh < step {
			step, n = fresh, 1
		}
		if step > left {
			return false
		}
		if b.wait(n+1) == b.wait(n) { // the waits grow no more: all remaining steps take as long as this one
			return step == 0 || int64(remaining) <= int64(left/step)
		}
		left -= step
		n++
	}
	return true
}
