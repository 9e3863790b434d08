package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/thejerf/suture/v4"
)

// The cost of starting children under a running supervisor, of adding and
// removing one, and of a million children.

// population is a number of children, with the number of times they are started
// in one round so that the round is long enough to measure.
type population struct {
	n, repeat int
	budget    time.Duration
	text      string
}

var populations = []population{
	{1_000, 4, 10 * time.Second, "1k"},
	{10_000, 1, 15 * time.Second, "10k"},
	{100_000, 1, 25 * time.Second, "100k"},
	{1_000_000, 1, 60 * time.Second, "1M"},
}

// measureStart measures from the first start until all children have entered
// Run.
func measureStart(r *report) {
	var first, last map[string]samples
	for _, p := range populations {
		contenders := []contender{
			{name: "goroutine", measure: p.each(startBares)},
			{name: "in turn", measure: p.each(startBaresInTurn)},
			{name: "keyed", measure: p.each(startKeyedSet)},
			{name: "at once", measure: p.each(startKeyedAtOnce)},
			{name: "supervisor", measure: p.each(startSupervisor(idsTo(p.n)))},
		}
		if p.n <= 100_000 { // the peers take long to stop a million children
			contenders = append(contenders, contender{"suture", p.each(startSutured), true},
				contender{"errgroup", p.each(startErrgroup), true})
			if r.otp != nil {
				contenders = append(contenders, contender{"OTP", r.otp.start(p.n), true})
			}
		}
		found := compare(p.budget, contenders...)
		target := 1.0
		if p.n >= 100_000 {
			target = 0.7
		}
		for _, c := range [][2]string{{"keyed", "Keyed"}, {"supervisor", "Supervisor[W]"}} {
			r.add(found, judged{
				what: fmt.Sprintf("start a child, %s, N = %s", c[1], p.text),
				ours: c[0], limit: "goroutine", target: target,
			})
		}
		r.add(found, judged{
			what: fmt.Sprintf("start a child, Keyed.StartAll, N = %s", p.text),
			ours: "at once", limit: "goroutine", target: 1.0,
		})
		r.add(only(found, "keyed", "in turn"), judged{
			what: fmt.Sprintf("start a child, Keyed, N = %s, for comparison", p.text),
			ours: "keyed", limit: "in turn", limitText: "goroutine, in turn",
		})
		if first == nil {
			first = found
		}
		last = found
	}
	r.flat("start, Keyed: 1M against 1k", "keyed", first, last)
	r.flat("start, Supervisor[W]: 1M against 1k", "supervisor", first, last)
}

// flat adds a row that shows how a cost changes with the number of children.
// Beside it stands the limit's own change, which is due to memory and
// scheduler.
func (r *report) flat(what, name string, first, last map[string]samples) {
	few, many := first[name].values(nanos), last[name].values(nanos)
	least, most := spreadOf(few), spreadOf(many)
	limit := last["goroutine"].median(nanos) / first["goroutine"].median(nanos)
	r.row(row{
		What:   what,
		Ours:   duration(most.Median) + " against " + duration(least.Median),
		Limit:  "the goroutine's own: " + times(limit),
		Ratio:  spread{most.Low / least.High, most.Median / least.Median, most.High / least.Low, 0},
		Target: 1.5,
	})
}

func (p population) each(start func(m *meter, n int, entered *sync.WaitGroup)) func(m *meter) {
	return func(m *meter) {
		for range p.repeat {
			var entered sync.WaitGroup
			entered.Add(p.n)
			start(m, p.n, &entered)
		}
	}
}

func startBares(m *meter, n int, entered *sync.WaitGroup) {
	b, w := newBares(), &idle{entered}
	m.do(n, func() {
		b.startAll(n, w)
		entered.Wait()
	})
	b.stop()
}

func startBaresInTurn(m *meter, n int, entered *sync.WaitGroup) {
	b, w := newBares(), &idle{entered}
	m.do(n, func() { b.startInTurn(n, w) })
	b.stop()
}

func startKeyedSet(m *meter, n int, entered *sync.WaitGroup) {
	w := &idle{entered}
	k := newKeyed(w)
	m.do(n, func() {
		startKeyed(k, 0, n)
		entered.Wait()
	})
	shutdown(k)
}

func startKeyedAtOnce(m *meter, n int, entered *sync.WaitGroup) {
	k := newKeyed(&idle{entered})
	m.do(n, func() {
		check(k.StartAll(context.Background(), func(yield func(int) bool) {
			for key := 0; key < n && yield(key); key++ {
			}
		}))
		entered.Wait()
	})
	shutdown(k)
}

func startSupervisor(ids []string) func(m *meter, n int, entered *sync.WaitGroup) {
	return func(m *meter, n int, entered *sync.WaitGroup) {
		s := newSupervisor[*idle]()
		m.do(n, func() {
			startChildren(s, ids, &idle{entered})
			entered.Wait()
		})
		shutdown(s)
	}
}

func startSutured(m *meter, n int, entered *sync.WaitGroup) {
	s := newSutured()
	m.do(n, func() {
		s.startAll(n, &idle{entered})
		entered.Wait()
	})
	s.stop()
}

func startErrgroup(m *meter, n int, entered *sync.WaitGroup) {
	ctx, cancel := context.WithCancel(context.Background())
	g, ctx := errgroup.WithContext(ctx)
	w := &idle{entered}
	m.do(n, func() {
		for range n {
			g.Go(func() error { return w.Run(ctx) })
		}
		entered.Wait()
	})
	cancel()
	_ = g.Wait()
}

// churned is the number of children that a round of measureChurn adds and
// removes.
const churned = 500

// measureChurn adds a child among siblings and removes it, repeatedly.
func measureChurn(r *report) {
	var first, last map[string]samples
	for _, siblings := range []int{10, 1_000, 100_000} {
		contenders := []contender{
			{name: "goroutine", measure: func(m *meter) { churnBares(m, siblings) }},
			{name: "keyed", measure: func(m *meter) { churnKeyed(m, siblings) }},
			{"suture", func(m *meter) { churnSutured(m, siblings) }, true},
		}
		if r.otp != nil {
			contenders = append(contenders, contender{"OTP", r.otp.churn(churned, siblings), true})
		}
		found := compare(8*time.Second, contenders...)
		r.add(found, judged{
			what: fmt.Sprintf("add and remove a child, %d siblings", siblings),
			ours: "keyed", limit: "goroutine", target: 1.5,
		})
		if first == nil {
			first = found
		}
		last = found
	}
	r.flat("add and remove: 100k siblings against 10", "keyed", first, last)
}

// busy lets all children of a round enter Run without waiting for each.
func busy(n int) *idle {
	var entered sync.WaitGroup
	entered.Add(n)
	return &idle{&entered}
}

func churnBares(m *meter, siblings int) {
	b, w := newBares(), busy(siblings+churned)
	b.startAll(siblings, w)
	m.do(churned, func() {
		for range churned {
			one := b.start(w)
			one.cancel()
			<-one.done
		}
	})
	b.stop()
}

func churnKeyed(m *meter, siblings int) {
	w := busy(siblings + churned)
	k := newKeyed(w)
	startKeyed(k, 0, siblings)
	m.do(churned, func() {
		for range churned {
			must(k.StartChild(context.Background(), siblings))
			check(k.RemoveChild(context.Background(), siblings))
		}
	})
	shutdown(k)
}

func churnSutured(m *meter, siblings int) {
	s, w := newSutured(), busy(siblings+churned)
	s.startAll(siblings, w)
	m.do(churned, func() {
		for range churned {
			check(s.RemoveAndWait(s.Add(w), time.Minute))
		}
	})
	s.stop()
}

var _ suture.Service = (*idle)(nil)
