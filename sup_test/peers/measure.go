package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"time"
)

// A contender performs one operation in one way. Only the part that it passes
// to [meter.do] is measured.
type contender struct {
	name    string
	measure func(m *meter)
	seldom  bool // takes part in every fourth round, as it is slow and only shown
}

// A sample is the result of one measurement, for one operation.
type sample struct {
	round         int
	nanos, cpu    float64
	allocs, bytes float64
}

// A meter adds up the measurements of a contender in one round.
type meter struct {
	ops     int
	elapsed time.Duration
	cpu     time.Duration
	mallocs uint64
	bytes   uint64
}

// do measures f, which performs ops operations, on a heap that has just been
// collected.
func (m *meter) do(ops int, f func()) {
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, began := cpuTime(), time.Now()
	f()
	m.elapsed += time.Since(began)
	m.cpu += cpuTime() - cpu
	runtime.ReadMemStats(&after)
	m.ops += ops
	m.mallocs += after.Mallocs - before.Mallocs
	m.bytes += after.TotalAlloc - before.TotalAlloc
}

// took adds a time that another process has measured.
func (m *meter) took(ops int, d time.Duration) {
	m.ops += ops
	m.elapsed += d
}

func (m *meter) sample(round int) sample {
	n := float64(m.ops)
	return sample{round, float64(m.elapsed.Nanoseconds()) / n, float64(m.cpu.Nanoseconds()) / n, float64(m.mallocs) / n, float64(m.bytes) / n}
}

// samples are the results of a contender, by round.
type samples []sample

// fewestRounds is the minimum number of rounds, unless they exceed twice their
// time.
const fewestRounds = 3

// hurry is set when the machine is too busy for the plan. Each comparison then
// has half its time.
var hurry bool

// compare measures the contenders in turn, in as many rounds as there is time
// for. The first round does not count; if rounds are long, it measures only the
// limit. Every other round runs in reverse order, so that what one contender
// leaves behind does not always affect the same one.
func compare(budget time.Duration, contenders ...contender) map[string]samples {
	found := make(map[string]samples)
	began := time.Now()
	long := budget > 15*time.Second
	if hurry {
		budget /= 2
	}
	for round := 0; round < 2 || time.Since(began) < budget ||
		round <= fewestRounds && time.Since(began) < 2*budget+time.Second; round++ {
		contenders := contenders
		if round == 0 && long {
			contenders = contenders[:1]
		}
		for i := range contenders {
			if round%2 == 1 {
				i = len(contenders) - 1 - i
			}
			c := contenders[i]
			if c.seldom && round%4 != 1 { // the first round that counts, then every fourth
				continue
			}
			var m meter
			c.measure(&m)
			if round > 0 {
				found[c.name] = append(found[c.name], m.sample(round))
			}
		}
	}
	for _, c := range contenders {
		s := found[c.name]
		fmt.Fprintf(os.Stderr, "    %-14s %11.1f ns, %11.1f of CPU %8.2f allocs %9.1f B, %d rounds\n", c.name,
			s.median(nanos), s.median(cpu), s.median(allocs), s.median(bytes), len(s))
	}
	return found
}

// only returns the results of some contenders, for a row that does not show the
// others.
func only(found map[string]samples, names ...string) map[string]samples {
	some := make(map[string]samples, len(names))
	for _, name := range names {
		some[name] = found[name]
	}
	return some
}

func nanos(s sample) float64  { return s.nanos }
func cpu(s sample) float64    { return s.cpu }
func allocs(s sample) float64 { return s.allocs }
func bytes(s sample) float64  { return s.bytes }

func (s samples) median(of func(sample) float64) float64 {
	return spreadOf(s.values(of)).Median
}

func (s samples) values(of func(sample) float64) []float64 {
	values := make([]float64, len(s))
	for i, x := range s {
		values[i] = of(x)
	}
	return values
}

// over returns the ratios of two contenders, one for each round.
func (s samples) over(limit samples, of func(sample) float64) spread {
	var ratios []float64
	for len(s) > 0 && len(limit) > 0 {
		switch {
		case s[0].round < limit[0].round:
			s = s[1:]
		case s[0].round > limit[0].round:
			limit = limit[1:]
		default:
			ratios = append(ratios, of(s[0])/of(limit[0]))
			s, limit = s[1:], limit[1:]
		}
	}
	return spreadOf(ratios)
}

// A spread is the median of some values with its quartiles.
type spread struct {
	Low, Median, High float64
	Rounds            int // 0 if irrelevant
}

func spreadOf(values []float64) spread {
	if len(values) == 0 {
		return spread{math.NaN(), math.NaN(), math.NaN(), 0}
	}
	values = slices.Sorted(slices.Values(values))
	at := func(q float64) float64 {
		i := q * float64(len(values)-1)
		below := int(i)
		above := min(below+1, len(values)-1)
		return values[below] + (i-float64(below))*(values[above]-values[below])
	}
	return spread{at(0.25), at(0.5), at(0.75), len(values)}
}
