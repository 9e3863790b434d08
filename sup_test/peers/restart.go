package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// Restarts under one_for_one, without backoff.

// restarts is the number of restarts that a round measures.
const restarts = 2_000

// otpRestarts is the number of restarts for Erlang. It is smaller because
// Erlang scans all restarts of the last second at each restart.
const otpRestarts = 100

func measureRestart(r *report) {
	contenders := []contender{
		{name: "(b)", measure: crashBare(byOwner)},
		{name: "espalier", measure: crashKept()},
		{name: "(a)", measure: crashBare(byCall)},
		{name: "(b')", measure: crashBare(byChain)},
		{name: "suture", measure: crashSutured(0)},
	}
	if r.otp != nil {
		contenders = append(contenders, contender{name: "OTP", measure: r.otp.restart(otpRestarts, 0)})
	}
	found := compare(15*time.Second, contenders...)
	ours := found["espalier"]
	r.add(found, judged{what: "restart: exit to next Run", ours: "espalier", limit: "(b)", target: 0.5})
	r.row(row{What: "restart: allocations", Ours: count(ours.median(allocs)), Ratio: spreadOf(ours.values(allocs)),
		Exact: true, Target: 3})
	r.bestPeer(found)
	found = only(found, "espalier", "(a)", "(b')") // the row above shows the peers
	r.add(found, judged{what: "restart, for comparison", ours: "espalier", limit: "(a)"})
	r.add(found, judged{what: "restart, against the goroutine that starts the next", ours: "espalier", limit: "(b')", target: 1.5})
}

// bestPeer adds the row that compares espalier with the fastest peer.
func (r *report) bestPeer(found map[string]samples) {
	best := ""
	for _, name := range peerNames {
		if s := found[name]; s != nil && (best == "" || s.median(nanos) < found[best].median(nanos)) {
			best = name
		}
	}
	r.row(row{
		What: "restart: the best peer, in units of espalier's", Ours: duration(found["espalier"].median(nanos)),
		Limit: best + " " + duration(found[best].median(nanos)),
		Ratio: found[best].over(found["espalier"], nanos), Target: 10, AtLeast: true,
	})
}

// idleSiblings is the number of idle children in measureSiblings.
const idleSiblings = 100_000

// measureSiblings keeps two supervisors in one process, so that the collector
// has the same work for both.
func measureSiblings(r *report) {
	alone, among := newCrasher(), newCrasher()
	s, crowd := newSupervisor[sup.Worker](), newSupervisor[sup.Worker]()
	startChildren(crowd, idsTo(idleSiblings), sup.Worker(busy(idleSiblings)))
	startChildren(crowd, []string{"crasher"}, sup.Worker(among))
	startChildren(s, []string{"crasher"}, sup.Worker(alone))
	alone.ready()
	among.ready()
	contenders := []contender{
		{name: "alone", measure: func(m *meter) { alone.crash(m, restarts) }},
		{name: "espalier", measure: func(m *meter) { among.crash(m, restarts) }},
	}
	found := compare(15*time.Second, contenders...)
	shutdown(s)
	shutdown(crowd)
	r.add(found, judged{
		what: "restart among 100k idle siblings", ours: "espalier", limit: "alone", target: 1.1,
	})
	r.siblingsOfPeers()
}

// siblingsOfPeers adds the results of the peers among siblings to the last row.
func (r *report) siblingsOfPeers() {
	one := &r.rows[len(r.rows)-1]
	found := compare(0,
		contender{name: "alone", measure: crashSutured(0)},
		contender{name: "among", measure: crashSutured(idleSiblings)})
	one.Peers[suturePeer] = times(found["among"].over(found["alone"], nanos).Median)
	if r.otp != nil {
		found := compare(0,
			contender{name: "alone", measure: r.otp.restart(otpRestarts, 0)},
			contender{name: "among", measure: r.otp.restart(otpRestarts, idleSiblings)})
		one.Peers[otpPeer] = times(found["among"].over(found["alone"], nanos).Median)
	}
}

func crashBare(again respawner) func(m *meter) {
	return func(m *meter) {
		w := newCrasher()
		ctx, cancel := context.WithCancel(context.Background())
		var owner sync.WaitGroup
		owner.Go(func() { again(ctx, w) })
		w.ready()
		w.crash(m, restarts)
		cancel()
		owner.Wait()
	}
}

func crashKept(observers ...sup.Observer) func(m *meter) {
	return func(m *meter) {
		w := newCrasher()
		s := newSupervisor[*crasher](observers...)
		startChildren(s, []string{"crasher"}, w)
		w.ready()
		w.crash(m, restarts)
		shutdown(s)
	}
}

func crashSutured(siblings int) func(m *meter) {
	return func(m *meter) {
		w := newCrasher()
		s := newSutured()
		s.startAll(siblings, busy(siblings))
		s.Add(w)
		w.ready()
		w.crash(m, restarts)
		s.stop()
	}
}

// measureStorm lets all children fail at once.
func measureStorm(r *report) {
	const n = 100_000
	contenders := []contender{
		{name: "(b)", measure: func(m *meter) { stormBares(m, n, byOwner) }},
		{name: "espalier", measure: func(m *meter) { stormKeyed(m, n) }},
		{"(a)", func(m *meter) { stormBares(m, n, byCall) }, true},
		{"(b')", func(m *meter) { stormBares(m, n, byChain) }, true},
		{"suture", func(m *meter) { stormSutured(m, n) }, true},
	}
	found := compare(25*time.Second, contenders...)
	if r.otp != nil { // OTP's time is quadratic in the number of children
		few := 2000
		found["OTP"] = compare(0, contender{name: "OTP", measure: r.otp.storm(few)})["OTP"]
	}
	what := fmt.Sprintf("%d children fail at once, each", n)
	r.add(found, judged{what: what, ours: "espalier", limit: "(b)", target: 1.5})
	found = only(found, "espalier", "(a)", "(b')")
	r.add(found, judged{what: what + ", for comparison", ours: "espalier", limit: "(a)"})
	r.add(found, judged{what: what + ", for comparison", ours: "espalier", limit: "(b')"})
}

func stormBares(m *meter, n int, again respawner) {
	var entered sync.WaitGroup
	entered.Add(n)
	w := newStormy(&entered)
	parent, cancel := context.WithCancel(context.Background())
	var owners sync.WaitGroup
	for range n {
		ctx, cancel := context.WithCancel(parent)
		owners.Go(func() {
			defer cancel()
			again(ctx, w)
		})
	}
	w.strike(m, n)
	cancel()
	owners.Wait()
}

func stormKeyed(m *meter, n int) {
	var entered sync.WaitGroup
	entered.Add(n)
	w := newStormy(&entered)
	k := newKeyed(w)
	startKeyed(k, 0, n)
	w.strike(m, n)
	shutdown(k)
}

func stormSutured(m *meter, n int) {
	var entered sync.WaitGroup
	entered.Add(n)
	w := newStormy(&entered)
	s := newSutured()
	s.startAll(n, w)
	w.strike(m, n)
	s.stop()
}
