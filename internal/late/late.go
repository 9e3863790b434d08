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

import "time"

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

// A Limit is a time limit that is looked at twice: a timer fires after half of
// its length, and at its end. A stop that is as long as the limit makes one of the
// two late by half of the length at least, wherever in the limit it begins. A
// single timer could be late by next to nothing.
//
// The zero Limit has run out. A Limit is not safe for concurrent use.
type Limit struct {
	length   time.Duration
	end      time.Duration
	look     time.Duration // when the timer is to fire
	extended bool
}

// Begin returns a limit of the given length that begins now.
func Begin(now, length time.Duration) Limit { return Limit{length: length, end: now + length, look: now} }

// Rest returns a limit of the given length of which the part until end is left.
func Rest(now, end, length time.Duration) Limit { return Limit{length: length, end: end, look: now} }

// Next returns how long the timer has to run before Next is called again; 0 if
// the limit has run out. It is called to set the timer, and each time that it has
// fired; calls before that do no harm.
func (l *Limit) Next(now time.Duration) time.Duration {
	if !l.extended && Much(l.length, now-l.look) {
		l.extended = true
		l.end = now + l.length
	}
	left := l.end - now
	if left <= 0 {
		return 0
	}
	wait := left
	if half := (l.length + 1) / 2; wait > half {
		wait -= half
	}
	l.look = now + wait
	return wait
}

// Extended reports whether the limit has been extended.
func (l *Limit) Extended() bool { return l.extended }

// End returns when the limit runs out, if it is not extended further.
func (l *Limit) End() time.Duration { return l.end }
