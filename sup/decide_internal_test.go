package sup

import (
	"fmt"
	"math"
	"testing"
	"time"
)

// R1 to R3, F1: every combination of policy, exit and start, of a child that restarts
// alone and of one that restarts in a round.
func TestAnExitLeadsToWhatTheRestartPolicySays(t *testing.T) {
	for _, tt := range []struct {
		policy      Restart
		exit        ExitKind
		failedStart bool
		want        verdict // restartAlone stands for a restart of either kind
	}{
		{Permanent, ExitNormal, false, restartAlone},
		{Permanent, ExitShutdown, false, restartAlone},
		{Permanent, ExitAbnormal, false, restartAlone},
		{Permanent, ExitNormal, true, restartAlone},
		{Permanent, ExitShutdown, true, restartAlone},
		{Permanent, ExitAbnormal, true, restartAlone},
		{Transient, ExitNormal, false, stayStopped},
		{Transient, ExitShutdown, false, stayStopped},
		{Transient, ExitAbnormal, false, restartAlone},
		{Transient, ExitNormal, true, restartAlone},
		{Transient, ExitShutdown, true, restartAlone},
		{Transient, ExitAbnormal, true, restartAlone},
		{Temporary, ExitNormal, false, removeChild},
		{Temporary, ExitShutdown, false, removeChild},
		{Temporary, ExitAbnormal, false, removeChild},
		{Temporary, ExitNormal, true, removeChild},
		{Temporary, ExitShutdown, true, removeChild},
		{Temporary, ExitAbnormal, true, removeChild},
	} {
		for _, alone := range []bool{true, false} {
			want := tt.want
			if want == restartAlone && !alone {
				want = restartRound
			}
			t.Run(fmt.Sprintf("alone %v %v %v failed start %v", alone, tt.policy, tt.exit, tt.failedStart), func(t *testing.T) {
				if got := decideRestart(tt.policy, alone, tt.exit, tt.failedStart); got != want {
					t.Errorf("decided %v, want %v", got, want)
				}
			})
		}
	}
}

// I1, I7: one restart more, after a number of restarts at the same moment.
func TestARestartCountsAgainstTheBudgetOrElseTheIntensity(t *testing.T) {
	for _, tt := range []struct {
		name            string
		budget          *Intensity
		intensity       Intensity
		before          int
		want            verdict
		inBudget, above int // counted afterwards
	}{
		{"the first against the intensity", nil, Intensity{3, time.Second}, 0, restartAlone, 0, 1},
		{"the last that the intensity allows", nil, Intensity{3, time.Second}, 2, restartAlone, 0, 3},
		{"one more than the intensity allows", nil, Intensity{3, time.Second}, 3, escalate, 0, 3},
		{"an intensity of none", nil, Intensity{0, time.Second}, 0, escalate, 0, 0},
		{"an unlimited intensity", nil, Unlimited, 100, restartAlone, 0, 0},
		{"the last that the budget allows", &Intensity{2, time.Second}, Intensity{0, time.Second}, 1, restartAlone, 2, 0},
		{"one more than the budget allows", &Intensity{2, time.Second}, Intensity{0, time.Second}, 2, quarantine, 2, 0},
		{"an unlimited budget", &Unlimited, Intensity{0, time.Second}, 100, restartAlone, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			supervisors := newWindow(tt.intensity)
			var own *window
			if tt.budget != nil {
				w := newWindow(*tt.budget)
				own = &w
			}
			for range tt.before {
				if got := countRestart(own, &supervisors, 0); got != restartAlone {
					t.Fatalf("decided %v before", got)
				}
			}
			if got := countRestart(own, &supervisors, 0); got != tt.want {
				t.Errorf("decided %v, want %v", got, tt.want)
			}
			if own != nil && own.size != tt.inBudget {
				t.Errorf("the budget has counted %d, want %d", own.size, tt.inBudget)
			}
			if supervisors.size != tt.above {
				t.Errorf("the supervisor has counted %d, want %d", supervisors.size, tt.above)
			}
		})
	}
}

// I2, I6: the window slides, both its ends count, and what is over the limit does not
// count.
func TestAWindowKeepsItsLimitInEveryPeriod(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name  string
		limit Intensity
		at    []time.Duration
		want  []bool // whether the limit is kept
	}{
		{"all at once", Intensity{2, s}, []time.Duration{0, 0, 0}, []bool{true, true, false}},
		{"the end of the period counts", Intensity{1, s}, []time.Duration{0, s}, []bool{true, false}},
		{"just after the period", Intensity{1, s}, []time.Duration{0, s + 1}, []bool{true, true}},
		{"the oldest leaves first", Intensity{2, s}, []time.Duration{0, s / 2, s + 1, s + 2}, []bool{true, true, true, false}},
		{"over the limit does not count", Intensity{1, s}, []time.Duration{0, s, s + 1}, []bool{true, false, true}},
		{"none allowed", Intensity{0, s}, []time.Duration{0, time.Hour}, []bool{false, false}},
		{"a time before the last", Intensity{2, s}, []time.Duration{2, 1, 3}, []bool{true, true, false}},
		{"unlimited", Unlimited, []time.Duration{0, 0, 0, 0}, []bool{true, true, true, true}},
		{"more than can happen", Intensity{math.MaxInt, time.Hour}, []time.Duration{0, 0}, []bool{true, true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWindow(tt.limit)
			for i, at := range tt.at {
				if got := w.count(at); got != tt.want[i] {
					t.Errorf("restart %d at %v: kept is %v, want %v", i+1, at, got, tt.want[i])
				}
			}
		})
	}
}

// The ring of a window grows while its oldest time is anywhere in it.
func TestAWindowThatGrowsForgetsNothing(t *testing.T) {
	for start := range 20 {
		w := newWindow(Intensity{Restarts: 50, Within: time.Second})
		for i := range start { // moves the head of the ring
			w.count(time.Duration(i) * time.Hour)
		}
		now := 1000 * time.Hour
		for i := range 50 {
			if !w.count(now) {
				t.Fatalf("after %d restarts of before: restart %d of 50 is over the limit", start, i+1)
			}
		}
		if w.count(now) {
			t.Errorf("after %d restarts of before: restart 51 keeps the limit of 50", start)
		}
	}
}

// The ring of a limit that cannot be exceeded stays empty.
func TestAWindowWithoutABoundKeepsNoTimes(t *testing.T) {
	for _, limit := range []Intensity{Unlimited, {Restarts: math.MaxInt, Within: time.Hour}} {
		w := newWindow(limit)
		for range 1000 {
			w.count(0)
		}
		if len(w.times) > 0 {
			t.Errorf("%v: %d times are kept", limit, len(w.times))
		}
	}
}

// B1: the waits of one child after another.
func TestTheBackoffGrowsToItsMaximum(t *testing.T) {
	for _, tt := range []struct {
		name    string
		backoff Backoff
		want    []time.Duration
	}{
		{"none", Backoff{}, []time.Duration{0, 0, 0}},
		{"doubles", Backoff{Min: 1, Max: 100, Factor: 2}, []time.Duration{1, 2, 4, 8}},
		{"stops at the maximum", Backoff{Min: 3, Max: 10, Factor: 2}, []time.Duration{3, 6, 10, 10}},
		{"stays the same", Backoff{Min: 5, Max: 5, Factor: 2}, []time.Duration{5, 5, 5}},
		{"a factor of one", Backoff{Min: 5, Max: 9, Factor: 1}, []time.Duration{5, 5, 5}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var counter backoffCounter
			for i, want := range tt.want {
				if got := counter.next(tt.backoff); got != want {
					t.Errorf("wait %d is %d ns, want %d", i+1, got, want)
				}
			}
		})
	}
}

// B1: without a backoff nothing is counted, so a backoff that is set later starts
// with its first wait.
func TestWithoutABackoffNoRestartIsCountedForIt(t *testing.T) {
	var counter backoffCounter
	counter.next(Backoff{})
	if counter != 0 {
		t.Errorf("%d restarts are counted", counter)
	}
}

// F4: the wait before the next attempt.
func TestThePauseBeforeTheNextStart(t *testing.T) {
	for _, tt := range []struct {
		name         string
		backoff      time.Duration
		failedStarts int
		exhausted    bool
		want         time.Duration
	}{
		{"the first", 0, 0, false, 0},
		{"the ninth in a row", 0, 8, false, 0},
		{"the tenth in a row", 0, 9, false, time.Millisecond},
		{"all after it", 0, 1 << 40, false, time.Millisecond},
		{"a longer backoff", time.Minute, 9, false, time.Minute},
		{"a backoff of nearly nothing", 1, 9, false, time.Millisecond},
		{"the host is exhausted", 0, 1, true, time.Second},
		{"the host is exhausted for long", 0, 100, true, time.Second},
		{"the host is exhausted, and the backoff shorter", time.Millisecond, 1, true, time.Second},
		{"the host is exhausted, and the backoff longer", time.Minute, 1, true, time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := pause(tt.backoff, tt.failedStarts, tt.exhausted); got != tt.want {
				t.Errorf("the pause is %v, want %v", got, tt.want)
			}
		})
	}
}

// S3: whether a budget can be exceeded at all.
func TestABackoffMayKeepABudgetFromEverBeingExceeded(t *testing.T) {
	const s = time.Second
	for _, tt := range []struct {
		name    string
		budget  Intensity
		backoff Backoff
		want    bool
	}{
		{"no backoff", Intensity{5, s}, Backoff{}, true},
		{"a budget of none", Intensity{0, s}, Backoff{Min: time.Hour, Max: time.Hour, Factor: 2, ResetAfter: time.Hour}, true},
		{"the waits just fit", Intensity{2, 3 * s}, Backoff{Min: s, Max: time.Hour, Factor: 2, ResetAfter: time.Hour}, true},
		{"the waits are one nanosecond too long", Intensity{2, 3*s - 1}, Backoff{Min: s, Max: time.Hour, Factor: 2, ResetAfter: time.Hour}, false},
		{"constant waits just fit", Intensity{10, 10 * s}, Backoff{Min: s, Max: s, Factor: 2, ResetAfter: s}, true},
		{"constant waits do not fit", Intensity{11, 10 * s}, Backoff{Min: s, Max: s, Factor: 2, ResetAfter: s}, false},
		{"a reset is shorter than the next wait", Intensity{4, 8 * s}, Backoff{Min: s, Max: time.Hour, Factor: 10, ResetAfter: s}, true},
		{"a reset is no shorter", Intensity{4, 8 * s}, Backoff{Min: s, Max: time.Hour, Factor: 10, ResetAfter: time.Hour}, false},
		{"a reset that would overflow", Intensity{2, 3 * s}, Backoff{Min: s, Max: time.Hour, Factor: 10, ResetAfter: math.MaxInt64}, false},
		{"full jitter may leave no wait", Intensity{100, 1}, Backoff{Min: s, Max: s, Factor: 2, ResetAfter: s, Jitter: 1}, true},
		{"half jitter halves the waits", Intensity{4, 2 * s}, Backoff{Min: s, Max: s, Factor: 2, ResetAfter: s, Jitter: 0.5}, true},
		{"half jitter is not enough", Intensity{5, 2 * s}, Backoff{Min: s, Max: s, Factor: 2, ResetAfter: s, Jitter: 0.5}, false},
		{"too many steps to look at counts as yes", Intensity{math.MaxInt, math.MaxInt64}, Backoff{Min: s, Max: s, Factor: 2, ResetAfter: s}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := canTrip(tt.budget, tt.backoff); got != tt.want {
				t.Errorf("canTrip is %v, want %v", got, tt.want)
			}
		})
	}
}
