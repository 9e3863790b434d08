// Package late recognises timers that fire late because the whole program was
// stopped: by docker pause, a debugger, SIGSTOP or a suspended machine.
//
// A program that was stopped for longer than a time limit finds the limit over
// when it goes on, although what the limit bounds has hardly run. Such a limit is
// extended, once, by its full length. What is really stuck is found that much
// later, and always.
//
// All times are durations on one monotonic clock of the caller, such as
// time.Since of a fixed moment.
package late

import (
	"math"
	"time"
)

// Much reports whether a timer that is late by the given time shows that the
// program was stopped, where it guards a limit of the given length. It was if the
// timer is late by more than a tenth of the limit, but by 10 ms at least; or by
// more than a second, however long the limit is.
//
// The bounds are low because to extend a limit without need costs little: what is
// stuck is found later, once. The scheduler of a loaded machine has the same
// effect as a stop, and is meant too.
func Much(limit, late time.Duration) bool {
	return late > min(max(limit/10, 10*time.Millisecond), time.Second)
}

// Wait returns how long the next timer of a limit runs, of which some time is
// left: until half of the limit is left, and then until its end.
//
// A stop that is as long as the limit makes one of the two timers late by half of
// the length at least, wherever in the limit it begins. A single timer could be
// late by next to nothing.
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
	End      time.Duration // when it runs out
	Look     time.Duration // when the timer is to fire that runs now
	Extended bool
}

// Begin returns a limit of the given length that begins now.
func Begin(now, length time.Duration) Limit {
	l := Limit{Length: length, Look: now}
	l.endIn(now)
	return l
}

// Next returns how long the timer has to run before Next is called again; 0 if
// the limit has run out. It is called to set the timer, and each time that it has
// fired; calls before that do no harm.
func (l *Limit) Next(now time.Duration) time.Duration {
	if !l.Extended && Much(l.Length, now-l.Look) {
		l.Extended = true
		l.endIn(now)
	}
	wait := Wait(l.End-now, l.Length)
	l.Look = now + wait
	return wait
}

func (l *Limit) endIn(now time.Duration) {
	l.End = math.MaxInt64
	if l.Length < math.MaxInt64-now {
		l.End = now + l.Length
	}
}

// Renew lets a limit run for its whole length from a moment on that has passed,
// such as the last sign of life, and lets it be extended again. The timer goes on:
// the program may have been stopped since that moment.
func (l *Limit) Renew(from time.Duration) {
	l.endIn(from)
	l.Extended = false
}
