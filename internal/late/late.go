// Package late recognizes timers that fire late because the whole program was
// stopped: by docker pause, a debugger, SIGSTOP or a suspended machine.
//
// A program that was stopped for longer than a time limit finds the limit exceeded
// when it continues, although the work that the limit bounds has hardly run. Such a
// limit is extended once, by its full length. Work that is really stuck is always
// found, only that much later.
//
// All times are durations on one monotonic clock of the caller, such as time.Since
// of a fixed moment.
package late

import (
	"math"
	"time"
)

// Stopped reports whether the delay of a timer shows that the program was stopped.
// limit is the length of the time limit that the timer guards.
//
// The delay must exceed a tenth of the limit, and 10 ms. A delay of more than a
// second is always enough. The bounds are low because an unnecessary extension costs
// little: stuck work is found later, once. The scheduler of a loaded machine can
// cause such a delay too, which deserves the extension as well.
func Stopped(limit, delay time.Duration) bool {
	return delay > min(max(limit/10, 10*time.Millisecond), time.Second)
}

// Wait returns the duration of the next timer of a limit. left is the rest of the
// limit, and length its full length.
//
// The first timer runs until half of the limit is left, and the second one until its
// end. So a stop as long as the limit delays one of them by at least half of the
// length, wherever it begins. A single timer might hardly be delayed at all.
func Wait(left, length time.Duration) time.Duration {
	if half := length - length/2; left > half {
		return left - half
	}
	return max(left, 0)
}

// A Limit is a time limit that is extended if the program was stopped. The zero
// Limit has run out. It is not safe for concurrent use.
type Limit struct {
	Length   time.Duration
	End      time.Duration // when the limit runs out
	Due      time.Duration // when the current timer is due
	Extended bool
}

// Begin returns a limit of the given length that begins now.
func Begin(now, length time.Duration) Limit {
	l := Limit{Length: length, Due: now}
	l.beginAt(now)
	return l
}

// Next returns the duration of the next timer, or 0 if the limit has run out.
//
// It must be called when the limit begins and when each timer has fired. Calls before
// a timer has fired have no effect.
func (l *Limit) Next(now time.Duration) time.Duration {
	if !l.Extended && Stopped(l.Length, now-l.Due) {
		l.Extended = true
		l.beginAt(now)
	}
	wait := Wait(l.End-now, l.Length)
	l.Due = now + wait
	return wait
}

// Renew restarts the limit at a past moment, such as the last sign of life. It may
// then be extended again. The current timer continues, because the program may have
// been stopped since that moment.
func (l *Limit) Renew(from time.Duration) {
	l.beginAt(from)
	l.Extended = false
}

// beginAt sets the end of a limit that begins at the given time.
func (l *Limit) beginAt(from time.Duration) {
	l.End = math.MaxInt64
	if l.Length < math.MaxInt64-from {
		l.End = from + l.Length
	}
}
