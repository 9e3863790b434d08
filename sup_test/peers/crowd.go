package main

import (
	"context"
	"sync"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// measureCrowd measures the start of 100k children by several callers at once.
func measureCrowd(r *report) {
	const n, callers = 100_000, 8
	quiet := sup.ObserverFunc(func(sup.Event) {})
	found := compare(20*time.Second,
		contender{name: "in turn", measure: func(m *meter) { crowdOfBares(m, n, callers) }},
		contender{name: "keyed", measure: func(m *meter) { crowdOfKeyed(m, n, callers) }},
		contender{name: "observed", measure: func(m *meter) { crowdOfKeyed(m, n, callers, quiet) }},
	)
	for _, c := range [][2]string{{"keyed", ""}, {"observed", ", observed"}} {
		r.add(found, judged{
			what: "start of 100k children, Keyed, by 8 callers, each" + c[1], ours: c[0],
			limit: "in turn", limitText: "goroutine, in turn, by 8 callers", target: 1.2,
		})
	}
}

// byCallers calls f at once with as many parts of n.
func byCallers(n, callers int, f func(first, n int)) {
	var calls sync.WaitGroup
	for i := range callers {
		calls.Go(func() { f(i*n/callers, n/callers) })
	}
	calls.Wait()
}

func crowdOfBares(m *meter, n, callers int) {
	w := busy(n)
	b := newBares()
	b.all = make([]bare, n)
	m.do(n, func() {
		byCallers(n, callers, func(first, n int) {
			for i := range n {
				ready := make(chan struct{})
				b.all[first+i] = b.start(&announced{w, ready})
				<-ready
			}
		})
	})
	b.stop()
}

func crowdOfKeyed(m *meter, n, callers int, observers ...sup.Observer) {
	w := busy(n)
	k := started(sup.NewKeyed(sup.KeyedSpec[int, *idle]{
		Start:     func(context.Context, int) (*idle, error) { return w, nil },
		Intensity: sup.Unlimited, Observers: observers,
	}))
	m.do(n, func() {
		byCallers(n, callers, func(first, n int) { startKeyed(k, first, n) })
		w.entered.Wait()
	})
	shutdown(k)
}
