package sup

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"
)

// Restart says when a child that has exited is started again.
type Restart uint8

const (
	// Permanent children are restarted after every exit. The default.
	Permanent Restart = iota
	// Transient children are restarted after abnormal exits only.
	Transient
	// Temporary children are never restarted, and no longer declared once they
	// have exited.
	Temporary
)

// String returns the name that OTP and the tags use: "permanent", …
func (r Restart) String() string {
	return nameOf(r, "permanent", "transient", "temporary")
}

// Strategy says which children the failure of one restarts.
type Strategy uint8

const (
	// OneForOne restarts only the child that failed. The default.
	OneForOne Strategy = iota
	// OneForAll stops all others, in reverse start order, and starts all again,
	// in start order.
	OneForAll
	// RestForOne does the same for the child that failed and those after it.
	RestForOne
)

// String returns the name that OTP and the tags use: "one_for_one", …
func (s Strategy) String() string {
	return nameOf(s, "one_for_one", "one_for_all", "rest_for_one")
}

// AutoShutdown says whether a supervisor ends when its significant children
// have (OTP 24).
type AutoShutdown uint8

const (
	// Never: an empty supervisor stays up. The default.
	AutoShutdownNever AutoShutdown = iota
	// AnySignificant: the first significant child that ends without being
	// restarted ends the supervisor, normally.
	AutoShutdownAnySignificant
	// AllSignificant: the last one does. A child that an operator has stopped,
	// and a quarantined one, count as ended, but do not end the supervisor.
	AutoShutdownAllSignificant
)

// String returns the name that OTP and the tags use: "never", …
func (a AutoShutdown) String() string {
	return nameOf(a, "never", "any_significant", "all_significant")
}

// WhenStuck says what happens when a child has not stopped within its time. Go
// cannot kill a goroutine, so OTP's answer is not to be had. Whatever is
// chosen, the child is reported with its stack.
type WhenStuck uint8

const (
	// Wait: the next incarnation begins when this one is gone. The default;
	// never are there two at once. A round waits with it, and so do the siblings
	// in it, unless an operator terminates the child: under one_for_all and
	// rest_for_one consider Escalate.
	StuckWait WhenStuck = iota
	// Abandon: the next incarnation begins beside the one that is stuck.
	StuckAbandon
	// Escalate: the supervisor fails, with an error that wraps [ErrStuck]. It does
	// not wait for the child, which runs on beside its successor if the supervisor
	// above starts this one again.
	StuckEscalate
)

// String returns the name that the tags use: "wait", …
func (s WhenStuck) String() string {
	return nameOf(s, "wait", "abandon", "escalate")
}

// Values of [ChildSpec].Shutdown besides a time.
const (
	// Infinity waits for the child as long as it takes.
	Infinity time.Duration = math.MaxInt64
	// Brutal cancels the child and waits for nothing: the stop of the next one
	// begins at once, and a [Terminator] is given no time. A replacement still
	// waits until the child is gone.
	Brutal time.Duration = math.MinInt64
)

// DefaultShutdown is the time that a child which is no supervisor has for
// stopping, as in OTP.
const DefaultShutdown = 5 * time.Second

// DefaultIntensity is the intensity of a supervisor that declares none.
var DefaultIntensity = Intensity{Restarts: 3, Within: 5 * time.Second}

// Unlimited is the intensity that is never exceeded, for children that back
// off for ever.
var Unlimited = Intensity{Restarts: -1}

// Intensity bounds how often something may be restarted: Restarts times in any
// stretch of time that is Within long, both ends included. One more is too
// many.
//
// The zero value stands for the default of the field that holds it. Restarts: 0
// with a Within allows no restart at all. A Within of 0 with Restarts means
// 5 seconds. The window slides and is exact (OTP counts whole seconds).
type Intensity struct {
	Restarts int           `json:"restarts"`
	Within   time.Duration `json:"within"`
}

// String returns the form that the tags use, "3/5s", or "unlimited".
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

// Backoff spaces out the restarts of a child: the n-th in a row waits
// min(Max, Min × Factor^(n-1)). The zero value waits for nothing.
//
// Restarts after a backoff count towards the intensity like any others: with
// the default of 3 in 5 s, a child with a Min of 100 ms that always fails ends
// its supervisor after 0.7 s, and one with a Min of 1 s never does. A child that
// is to be retried for a time, or for ever, needs a Budget of its own, or a
// supervisor whose intensity is [Unlimited].
type Backoff struct {
	// Min is the first wait. 0 means no backoff; the other fields must then be
	// 0 too.
	Min time.Duration `json:"min"`
	// Max bounds the wait. 0 means one minute, or Min if that is longer.
	Max time.Duration `json:"max"`
	// Factor is what each wait is multiplied by to get the next, at least 1.
	// 0 means 2.
	Factor float64 `json:"factor"`
	// Jitter is the fraction of each wait, 0 to 1, of which a random part is
	// taken off, so that children that failed together come back apart.
	Jitter float64 `json:"jitter"`
	// ResetAfter is how long an incarnation must have been ready for the next
	// failure to count as the first again. 0 means Max.
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

// wait returns the wait before the n-th restart in a row, n from 1, without
// jitter. It expects the defaults to be filled in.
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

// nameOf is String for the small enumerations of this package.
func nameOf[E ~uint8](e E, names ...string) string {
	if int(e) < len(names) {
		return names[e]
	}
	return fmt.Sprintf("%T(%d)", e, uint8(e))
}
