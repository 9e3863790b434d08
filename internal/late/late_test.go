package late_test

import (
	"math"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/late"
)

const ms = time.Millisecond

func TestStoppedDependsOnTheLengthOfTheLimit(t *testing.T) {
	for _, tt := range []struct {
		limit, delay time.Duration
		want         bool
	}{
		{time.Second, 0, false},
		{time.Second, -time.Second, false},
		{time.Second, 100 * ms, false},
		{time.Second, 101 * ms, true},
		{ms, 10 * ms, false}, // a delay by the scheduler
		{ms, 11 * ms, true},
		{time.Hour, time.Second, false},
		{time.Hour, 1001 * ms, true},
		{0, 11 * ms, true},
	} {
		if got := late.Stopped(tt.limit, tt.delay); got != tt.want {
			t.Errorf("Stopped(%v, %v) = %v", tt.limit, tt.delay, got)
		}
	}
}

// stopped is the time during which a program is stopped.
type stopped struct{ from, to time.Duration }

// fires returns when a timer fires that is due at the given time.
func (s stopped) fires(due time.Duration) time.Duration {
	if s.from <= due && due < s.to {
		return s.to
	}
	return due
}

// run returns when a limit that begins at 0 runs out, and how often its timer fires.
func run(l late.Limit, s stopped) (now time.Duration, fired int) {
	for wait := l.Next(0); wait > 0; wait = l.Next(now) {
		now = s.fires(now + wait)
		fired++
	}
	return now, fired
}

func TestALimitIsExtendedOnceByItsLengthIfTheProgramWasStopped(t *testing.T) {
	for _, tt := range []struct {
		name    string
		length  time.Duration
		stopped stopped
		want    time.Duration
	}{
		{"not stopped", time.Second, stopped{}, time.Second},
		{"before both timers, and shorter", time.Second, stopped{0, 400 * ms}, time.Second},
		{"between the timers", time.Second, stopped{600 * ms, 900 * ms}, time.Second},
		{"over the first, for a moment", time.Second, stopped{400 * ms, 550 * ms}, time.Second},
		{"over the second, for a moment", time.Second, stopped{900 * ms, 1100 * ms}, 1100 * ms},
		{"from the beginning, just as long", time.Second, stopped{0, time.Second}, 2 * time.Second},
		{"after the first timer, just as long", time.Second, stopped{501 * ms, 1501 * ms}, 2501 * ms},
		{"before the end, just as long", time.Second, stopped{999 * ms, 1999 * ms}, 2999 * ms},
		{"for a day", time.Second, stopped{999 * ms, 24 * time.Hour}, 24*time.Hour + time.Second},
		{"a limit of a day, for an hour", 24 * time.Hour, stopped{23 * time.Hour, 25 * time.Hour}, 49 * time.Hour},
		{"a limit of 1 ns", 1, stopped{1, time.Minute}, time.Minute + 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := run(late.Begin(0, tt.length), tt.stopped); got != tt.want {
				t.Errorf("the limit ends after %v, want %v", got, tt.want)
			}
		})
	}
}

// A stop that is at least as long as the limit extends it by exactly its length,
// wherever the stop begins.
func TestAStopAsLongAsTheLimitIsAlwaysRecognized(t *testing.T) {
	const length = 100 * ms
	for from := time.Duration(0); from < length; from += ms / 4 {
		for _, longer := range []time.Duration{0, 1, ms, length, time.Hour} {
			s := stopped{from, from + length + longer}
			if got, _ := run(late.Begin(0, length), s); got != s.to+length {
				t.Fatalf("stopped from %v to %v, the limit ends after %v", s.from, s.to, got)
			}
		}
	}
}

// Here, every timer is late.
func TestALimitIsExtendedOnlyOnce(t *testing.T) {
	l := late.Begin(0, time.Second)
	now := time.Duration(0)
	for wait := l.Next(now); wait > 0; wait = l.Next(now) {
		now += wait + 400*ms
	}
	if now > 3*time.Second {
		t.Errorf("the limit ends after %v", now)
	}
	if !l.Extended {
		t.Error("the limit was not extended")
	}
}

func TestTheTimerOfALimitFiresTwice(t *testing.T) {
	for _, length := range []time.Duration{2, 3, ms, time.Hour} {
		if now, fired := run(late.Begin(0, length), stopped{}); now != length || fired != 2 {
			t.Errorf("a limit of %v ends after %v and %d timers", length, now, fired)
		}
	}
	if now, fired := run(late.Limit{Length: time.Second, End: 300 * ms}, stopped{}); now != 300*ms || fired != 1 {
		t.Errorf("the rest of a limit ends after %v and %d timers", now, fired)
	}
}

func TestTheZeroLimitHasRunOut(t *testing.T) {
	var l late.Limit
	if wait := l.Next(0); wait != 0 {
		t.Errorf("the zero limit runs for %v more", wait)
	}
}

// A stop after that extends the renewed limit.
func TestRenewRestartsALimit(t *testing.T) {
	l := late.Begin(0, time.Second)
	if wait := l.Next(0); wait != 500*ms {
		t.Fatalf("the first timer runs for %v", wait)
	}
	l.Renew(400 * ms)
	if wait := l.Next(500 * ms); wait != 400*ms || l.End != 1400*ms {
		t.Fatalf("after Renew, the timer runs for %v, and the limit ends at %v", wait, l.End)
	}
	l.Renew(800 * ms) // then the program is stopped before the timer fires
	if wait := l.Next(2000 * ms); wait != 500*ms || l.End != 3000*ms || !l.Extended {
		t.Fatalf("after a stop, the timer runs for %v, and the limit ends at %v", wait, l.End)
	}
	l.Renew(2100 * ms)
	if l.Extended {
		t.Error("the limit cannot be extended again")
	}
}

func TestALimitOfTheMaximumLengthNeverEnds(t *testing.T) {
	const forever = time.Duration(math.MaxInt64)
	l := late.Begin(time.Hour, forever)
	if wait := l.Next(2 * time.Hour); wait <= 0 || l.End != forever {
		t.Errorf("the timer runs for %v, and the limit ends at %v", wait, l.End)
	}
}
