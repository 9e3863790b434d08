package sup

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// Restart says when a child that has exited is started again. The policies
// come from OTP.
type Restart uint8

const (
	// Permanent is the default. The child is restarted after every exit.
	Permanent Restart = iota
	// Transient means that the child is restarted after abnormal exits only. After
	// another exit it stays declared and stopped.
	Transient
	// Temporary means that the child is never restarted. Its declaration is removed
	// when it exits.
	Temporary
)

// String returns the name used by OTP and struct tags, such as "permanent".
func (r Restart) String() string { return nameOf(r, restartNames) }

var restartNames = []string{"permanent", "transient", "temporary"}

// Strategy says which siblings are restarted together with a child that failed. The
// first three come from OTP.
type Strategy uint8

const (
	// OneForOne is the default. Only the child that failed is restarted.
	OneForOne Strategy = iota
	// OneForAll stops all other children in reverse start order, then starts all
	// children in start order.
	OneForAll
	// RestForOne stops the children declared after the one that failed in reverse
	// start order, then starts it and them in start order.
	RestForOne
	// OneForDependents restarts the child that failed and all that need it, directly or
	// not. The needs of a child are declared with [ChildSpec.Needs]. Children start as
	// soon as all that they need are ready, and stop when all that need them have
	// stopped. What does not wait for each other starts and stops side by side.
	OneForDependents
)

// String returns the name used by OTP and struct tags, such as "one_for_one".
func (s Strategy) String() string { return nameOf(s, strategyNames) }

var strategyNames = []string{"one_for_one", "one_for_all", "rest_for_one", "one_for_dependents"}

// AutoShutdown says whether a supervisor ends when significant children end. It is
// the auto_shutdown of OTP 24.
type AutoShutdown uint8

const (
	// AutoShutdownNever is the default. Even a supervisor without children stays up.
	AutoShutdownNever AutoShutdown = iota
	// AutoShutdownAnySignificant ends the supervisor normally as soon as one
	// significant child ends and is not restarted.
	AutoShutdownAnySignificant
	// AutoShutdownAllSignificant ends the supervisor normally when the last
	// significant child ends and is not restarted. A child that is quarantined or was
	// stopped by an operator counts as ended, but its end does not end the supervisor.
	AutoShutdownAllSignificant
)

// String returns the name used by OTP and struct tags, such as "never".
func (a AutoShutdown) String() string { return nameOf(a, autoShutdownNames) }

var autoShutdownNames = []string{"never", "any_significant", "all_significant"}

// WhenStuck says what happens when a child has not stopped within its time.
//
// OTP kills such a process. Go cannot kill a goroutine. In each case the child is
// reported as stuck, with its stack.
type WhenStuck uint8

const (
	// StuckWait is the default. The next incarnation begins when the stuck one has
	// ended, so that there are never two at once.
	//
	// A round waits too, with all siblings in it, until an operator terminates the
	// child. With OneForAll and RestForOne, consider StuckEscalate.
	StuckWait WhenStuck = iota
	// StuckAbandon begins the next incarnation while the stuck one still runs.
	StuckAbandon
	// StuckEscalate makes the supervisor fail with an error that wraps [ErrStuck].
	// The supervisor does not wait for the child. If the parent restarts the
	// supervisor, the stuck incarnation may still run beside the new one.
	StuckEscalate
)

// String returns the name used by struct tags, such as "wait".
func (s WhenStuck) String() string { return nameOf(s, whenStuckNames) }

var whenStuckNames = []string{"wait", "abandon", "escalate"}

// Values of [ChildSpec].Shutdown besides a time.
const (
	// Infinity waits for the child without a limit.
	Infinity time.Duration = math.MaxInt64
	// Brutal cancels the context of the child and does not wait. The next child is
	// stopped at once, and a [Terminator] gets no time. A replacement still begins
	// only when the child has ended.
	Brutal time.Duration = math.MinInt64
)

// DefaultShutdown is the time that a worker has for stopping if its spec gives
// none, as in OTP.
const DefaultShutdown = 5 * time.Second

// DefaultIntensity is the intensity of a supervisor whose spec gives none. Elixir
// has the same default. OTP's is 1 in 5 seconds.
var DefaultIntensity = Intensity{Restarts: 3, Within: 5 * time.Second}

// Unlimited is the intensity that is never exceeded. It is meant for children with a
// [Backoff] that are to be retried for ever. Without a Backoff, a child that always fails
// is restarted in a loop that takes a processor.
var Unlimited = Intensity{Restarts: -1}

// Intensity limits how often children may be restarted. It allows Restarts restarts
// in any period of length Within, both ends included.
//
// The zero value means the default of the field that holds it. The window slides
// and is exact, whereas OTP counts whole seconds.
type Intensity struct {
	// Restarts is the number of restarts allowed. 0 with a Within allows none. -1
	// means no limit, see [Unlimited].
	Restarts int `json:"restarts"`
	// Within is the length of the window. 0 with Restarts means 5 seconds.
	Within time.Duration `json:"within"`
}

// String returns the form used by struct tags, such as "3/5s", or "unlimited".
func (i Intensity) String() string {
	if i.unlimited() {
		return "unlimited"
	}
	within := i.Within.String()
	if hours, ok := strings.CutSuffix(within, "h0m0s"); ok {
		within = hours + "h"
	} else if minutes, ok := strings.CutSuffix(within, "m0s"); ok {
		within = minutes + "m"
	}
	return fmt.Sprintf("%d/%s", i.Restarts, within)
}

func (i Intensity) unlimited() bool { return i.Restarts < 0 }

func (i Intensity) withDefault(d Intensity) Intensity {
	if i == (Intensity{}) {
		return d
	}
	if i.Within == 0 {
		i.Within = DefaultIntensity.Within
	}
	return i
}

// Backoff delays the restarts of a child. The n-th restart in a row waits
// min(Max, Min × Factor^(n-1)). The zero value means no delay.
//
// A delayed restart counts towards the intensity like any other. With the default
// intensity of 3 in 5 s, a child that always fails ends its supervisor after 0.7 s if
// Min is 100 ms, and never if Min is 1 s. To retry a child for long or for ever,
// give it a Budget, or give its supervisor the intensity [Unlimited].
type Backoff struct {
	// Min is the first wait. 0 means no backoff, and the other fields must be 0 too.
	Min time.Duration `json:"min"`
	// Max is the longest wait. 0 means one minute, or Min if that is longer.
	Max time.Duration `json:"max"`
	// Factor is the ratio of each wait to the one before, at least 1. 0 means 2.
	Factor float64 `json:"factor"`
	// Jitter, from 0 to 1, is the fraction of each wait that may be cut off at
	// random. It spreads the restarts of children that failed together.
	Jitter float64 `json:"jitter"`
	// ResetAfter is how long an incarnation must be ready for the next restart to
	// count as the first again. 0 means Max.
	ResetAfter time.Duration `json:"resetAfter"`
}

func (b Backoff) withDefaults() Backoff {
	if b.Min == 0 {
		return b
	}
	if b.Max == 0 {
		b.Max = max(time.Minute, b.Min)
	}
	if b.Factor == 0 {
		b.Factor = 2
	}
	if b.ResetAfter == 0 {
		b.ResetAfter = b.Max
	}
	return b
}

// wait returns the wait before the n-th restart in a row, from 1, without jitter
// (B1). The defaults must be filled in.
func (b Backoff) wait(n int) time.Duration {
	if b.Min == 0 {
		return 0
	}
	d := float64(b.Min) * math.Pow(b.Factor, float64(n-1))
	if d >= float64(b.Max) { // +Inf too
		return b.Max
	}
	return time.Duration(d)
}

func (b Backoff) jittered(d time.Duration) time.Duration {
	if b.Jitter == 0 {
		return d
	}
	return d - time.Duration(b.Jitter*rand.Float64()*float64(d))
}

// nameOf implements String for the enumerations of this package. names are the names of
// their values.
func nameOf[E ~uint8](e E, names []string) string {
	if int(e) < len(names) {
		return names[e]
	}
	return fmt.Sprintf("%T(%d)", e, uint8(e))
}
