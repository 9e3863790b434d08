package main

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/puzpuzpuz/xsync/v4"

	"github.com/espalier-go/espalier/sup"
)

// gets is the number of lookups that a round measures.
const gets = 100_000

// measureGet compares handles with their parts: a map, and a pointer that is
// loaded atomically.
func measureGet(r *report) {
	const n = 1000
	w := busy(n + 1)
	k := newKeyed(w)
	startKeyed(k, 0, n)
	s := newSupervisor[*idle]()
	startChildren(s, []string{"child"}, w)
	child := s.Child("child")
	bare := xsync.NewMap[int, *idle]()
	for key := range n {
		bare.Store(key, w)
	}
	var pointer atomic.Pointer[idle]
	pointer.Store(w)
	found := compare(6*time.Second,
		contender{name: "map", measure: func(m *meter) {
			m.do(gets, func() {
				for i := range gets {
					bare.Load(i % n)
				}
			})
		}},
		contender{name: "keyed", measure: func(m *meter) {
			m.do(gets, func() {
				for i := range gets {
					k.Get(i % n)
				}
			})
		}},
		contender{name: "child", measure: func(m *meter) {
			m.do(gets, func() {
				for range gets {
					child.Get()
				}
			})
		}},
		contender{name: "atomic pointer", measure: func(m *meter) {
			m.do(gets, func() {
				for range gets {
					pointer.Load()
				}
			})
		}},
	)
	shutdown(k)
	shutdown(s)
	r.row(row{What: "Child.Get: nanoseconds", Ours: duration(found["child"].median(nanos)),
		Limit: "atomic pointer " + duration(found["atomic pointer"].median(nanos)), Ratio: spreadOf(found["child"].values(nanos)),
		Target: 3, Garbage: garbageOf(found["child"])})
	r.add(found, judged{what: "Keyed.Get, 1000 keys", ours: "keyed", limit: "map", target: 1.5})
	for _, name := range []string{"child", "keyed"} {
		r.row(row{What: map[string]string{"child": "Child.Get", "keyed": "Keyed.Get"}[name] + ": allocations",
			Ours: count(found[name].median(allocs)), Ratio: spreadOf(found[name].values(allocs)), Exact: true})
	}
}

// measureSnapshot compares a snapshot with a loop that copies as many structs
// of the same size under a mutex. It also measures how long a snapshot delays
// an exit.
func measureSnapshot(r *report) {
	const n = 10_000
	const repeat = 2
	s := newSupervisor[sup.Worker]()
	startChildren(s, idsTo(n), sup.Worker(busy(n)))
	other := newSupervisor[sup.Worker]()
	startChildren(other, idsTo(n), sup.Worker(busy(n)))
	w := newTimed()
	startChildren(s, []string{"crasher"}, sup.Worker(w))
	<-w.paused
	var mu sync.Mutex
	structs := make([]sup.ChildInfo, n)
	loop := func() (copied []sup.ChildInfo) {
		mu.Lock()
		defer mu.Unlock()
		copied = make([]sup.ChildInfo, 0, n)
		for i := range structs {
			copied = append(copied, structs[i])
		}
		return copied
	}
	found := compare(10*time.Second,
		contender{name: "loop", measure: func(m *meter) {
			m.do(repeat, func() {
				for range repeat {
					loop()
				}
			})
		}},
		contender{name: "espalier", measure: func(m *meter) {
			m.do(repeat, func() {
				for range repeat {
					s.Children()
				}
			})
		}},
	)
	r.add(found, judged{what: "snapshot of 10k children", ours: "espalier", limit: "loop", target: 1.7})
	loopTime := found["loop"].median(nanos)
	var delays []float64
	for range 101 {
		undisturbed := w.longestWhile(func() { other.Children() })
		disturbed := w.longestWhile(func() { s.Children() })
		delays = append(delays, float64(disturbed-undisturbed)/loopTime)
	}
	shutdown(s)
	shutdown(other)
	late := spreadOf(delays)
	r.row(row{
		What: "longest delay of an exit by a snapshot of 10k children", Ours: duration(late.Median * loopTime),
		Limit: "loop " + duration(loopTime), Ratio: late, Target: 2,
	})
}
