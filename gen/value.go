package gen

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// What sup.Infinity and sup.Brutal are.
const (
	infinity time.Duration = math.MaxInt64
	brutal   time.Duration = math.MinInt64
)

// noDuration takes a default of the tree back.
var noDuration = map[string]time.Duration{"none": 0}

func readDuration(special map[string]time.Duration) func(string) (any, error) {
	return func(s string) (any, error) {
		if d, ok := special[s]; ok {
			return d, nil
		}
		return positive(s)
	}
}

// positive reads a duration that is longer than 0. What 0 would mean differs
// from option to option, and is said by a word.
func positive(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil:
		return 0, fmt.Errorf("%q is no duration", s)
	case d < 0:
		return 0, fmt.Errorf("%q is negative", s)
	case d == 0:
		return 0, fmt.Errorf("%q is no time at all", s)
	case d == infinity:
		return 0, fmt.Errorf("%q is too long", s)
	}
	return d, nil
}

func readIntensity(s string) (any, error) {
	if s == "unlimited" {
		return &Intensity{Restarts: -1}, nil
	}
	count, within, ok := strings.Cut(s, "/")
	if !ok {
		return nil, fmt.Errorf("%q is no number of restarts in a time", s)
	}
	n, err := strconv.ParseUint(strings.TrimSpace(count), 10, 31)
	if err != nil {
		return nil, fmt.Errorf("%q is no number of restarts", count)
	}
	d, err := positive(strings.TrimSpace(within))
	if err != nil {
		return nil, err
	}
	return &Intensity{Restarts: int(n), Within: d}, nil
}

func readBudget(s string) (any, error) {
	if s == "none" {
		return (*Intensity)(nil), nil
	}
	return readIntensity(s)
}

func readBackoff(s string) (any, error) {
	if s == "none" {
		return Backoff{}, nil
	}
	from, to, bounded := strings.Cut(s, "..")
	var b Backoff
	var err error
	if b.Min, err = positive(strings.TrimSpace(from)); err != nil {
		return nil, err
	}
	if !bounded {
		return b, nil
	}
	if b.Max, err = positive(strings.TrimSpace(to)); err != nil {
		return nil, err
	}
	if b.Max < b.Min {
		return nil, fmt.Errorf("%v, the longest wait, is shorter than %v, the first", b.Max, b.Min)
	}
	return b, nil
}

func readNumber(least, most float64) func(string) (any, error) {
	return func(s string) (any, error) {
		x, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return nil, fmt.Errorf("%q is no number", s)
		}
		if !(x >= least && x <= most) { // NaN too
			return nil, fmt.Errorf("%v is out of range", s)
		}
		return x, nil
	}
}

func readCount(s string) (any, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("%q is no number of children", s)
	}
	return int(n), nil
}

// unbounded is what mailbox.Unbounded is.
const unbounded = math.MaxInt

func readCapacity(s string) (any, error) {
	if s == "unbounded" {
		return unbounded, nil
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil || n == 0 {
		return nil, fmt.Errorf("%q is no number of messages", s)
	}
	return int(n), nil
}

func readWord(words ...string) func(string) (any, error) {
	return func(s string) (any, error) {
		for _, w := range words {
			if s == w {
				return s, nil
			}
		}
		return nil, fmt.Errorf("%q is none of these", s)
	}
}

func readName(s string) (any, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("%q is not UTF-8", s)
	}
	for _, r := range s {
		if !strconv.IsPrint(r) {
			return nil, fmt.Errorf("%q has characters that cannot be seen", s)
		}
	}
	return s, nil
}

// over returns the options of a tag over the defaults.
func (o options) over(defaults options) options {
	all := make(options, len(o)+len(defaults))
	for group, c := range defaults {
		all[group] = c
	}
	for group, c := range o {
		all[group] = c
	}
	return all
}

// said returns the value of a group, or the zero value.
func said[T any](o options, group string) T {
	value, _ := o[group].value.(T)
	return value
}

// policy puts options together.
func (o options) policy() Policy {
	p := Policy{
		Restart:      said[string](o, "restart"),
		Significant:  o["significant"].option != nil,
		Shutdown:     said[time.Duration](o, "shutdown"),
		StartTimeout: said[time.Duration](o, "start_timeout"),
		Backoff:      said[Backoff](o, "backoff"),
		Budget:       said[*Intensity](o, "budget"),
		Watchdog:     said[time.Duration](o, "watchdog"),
		Stuck:        said[string](o, "stuck"),
		Intensity:    said[*Intensity](o, "intensity"),
		Labels:       o["labels"].option != nil,
		Max:          said[int](o, "max"),
		Count:        said[int](o, "count"),
	}
	if p.Backoff.Min > 0 {
		p.Backoff.Factor = said[float64](o, "factor")
		p.Backoff.Jitter = said[float64](o, "jitter")
		p.Backoff.ResetAfter = said[time.Duration](o, "reset")
	}
	return p
}

// canTrip reports whether a child that fails as fast as its backoff lets it
// can ever use up its own budget. It decides as sup does (SEMANTICS S3), which
// a test compares it with.
func canTrip(budget Intensity, b Backoff) bool {
	if b.Min == 0 || b.Jitter == 1 || budget.Restarts < 1 {
		return true
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
	wait := func(n int) time.Duration {
		d := float64(b.Min) * math.Pow(b.Factor, float64(n-1))
		if d >= float64(b.Max) {
			return b.Max
		}
		return time.Duration(d)
	}
	shortest := func(n int) time.Duration {
		return wait(n) - time.Duration(b.Jitter*float64(wait(n)))
	}
	left, n := budget.Within, 1
	for remaining := min(budget.Restarts, 10_000); remaining > 0; remaining-- {
		step := shortest(n)
		if fresh := b.ResetAfter + shortest(1); fresh < step {
			step, n = fresh, 1
		}
		if step > left {
			return false
		}
		if wait(n+1) == wait(n) {
			return step == 0 || int64(remaining) <= int64(left/step)
		}
		left -= step
		n++
	}
	return true
}
