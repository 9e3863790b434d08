package main

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/espalier-go/espalier/sup"
)

// measureStop stops 100k children: those of a set at once, and those of a
// static supervisor one after the other.
func measureStop(r *report) {
	const n = 100_000
	contenders := []contender{
		{name: "goroutine", measure: func(m *meter) { stopBares(m, n, (*bares).stop) }},
		{name: "keyed", measure: func(m *meter) { stopKeyed(m, n) }},
		{name: "in turn", measure: func(m *meter) { stopBares(m, n, (*bares).stopInTurn) }},
		{name: "static", measure: func(m *meter) { stopStatic(m, n) }},
		{"suture", func(m *meter) { stopSutured(m, n) }, true},
		{"errgroup", func(m *meter) { stopErrgroup(m, n) }, true},
	}
	if r.otp != nil {
		contenders = append(contenders, contender{"OTP", r.otp.stop(n), true})
	}
	found := compare(20*time.Second, contenders...)
	r.add(found, judged{what: "stop 100k children of a Keyed, each", ours: "keyed", limit: "goroutine", target: 0.7})
	found = only(found, "static", "goroutine", "in turn")
	r.add(found, judged{
		what: "stop 100k children of a static supervisor, in strict order, each",
		ours: "static", limit: "goroutine", limitText: "goroutine, no order", target: 3,
	})
	r.add(found, judged{
		what: "stop 100k children of a static supervisor, for comparison",
		ours: "static", limit: "in turn", limitText: "goroutine, in turn",
	})
}

func stopBares(m *meter, n int, stop func(*bares)) {
	var entered sync.WaitGroup
	entered.Add(n)
	b := newBares()
	b.startAll(n, &idle{&entered})
	entered.Wait()
	m.do(n, func() { stop(b) })
}

func stopKeyed(m *meter, n int) {
	var entered sync.WaitGroup
	entered.Add(n)
	k := newKeyed(&idle{&entered})
	startKeyed(k, 0, n)
	entered.Wait()
	m.do(n, func() { shutdown(k) })
}

func stopStatic(m *meter, n int) {
	var entered sync.WaitGroup
	entered.Add(n)
	w := &idle{&entered}
	s := newStatic(n, sup.OneForOne, func(int) *idle { return w })
	entered.Wait()
	m.do(n, func() { shutdown(s) })
}

func stopSutured(m *meter, n int) {
	var entered sync.WaitGroup
	entered.Add(n)
	s := newSutured()
	s.startAll(n, &idle{&entered})
	entered.Wait()
	m.do(n, s.stop)
}

func stopErrgroup(m *meter, n int) {
	var entered sync.WaitGroup
	entered.Add(n)
	w := &idle{&entered}
	ctx, cancel := context.WithCancel(context.Background())
	g, ctx := errgroup.WithContext(ctx)
	for range n {
		g.Go(func() error { return w.Run(ctx) })
	}
	entered.Wait()
	m.do(n, func() {
		cancel()
		_ = g.Wait()
	})
}

// measureRound lets one of 10k children fail under one_for_all.
func measureRound(r *report) {
	const n = 10_000
	contenders := []contender{
		{name: "goroutine", measure: func(m *meter) { roundOfBares(m, n, (*bares).stop, (*bares).startAll) }},
		{name: "in turn", measure: func(m *meter) { roundOfBares(m, n, (*bares).stopInTurn, (*bares).startInTurn) }},
		{name: "espalier", measure: func(m *meter) { roundOfAll(m, n) }},
	}
	if r.otp != nil {
		contenders = append(contenders, contender{"OTP", r.otp.round(n), true})
	}
	found := compare(15*time.Second, contenders...)
	r.add(found, judged{
		what: "one_for_all round of 10k children, each", ours: "espalier", limit: "goroutine",
		limitText: "stop and start, no order", target: 1,
	})
	r.add(only(found, "espalier", "in turn"), judged{
		what: "one_for_all round of 10k children, for comparison",
		ours: "espalier", limit: "in turn", limitText: "stop and start, in turn",
	})
}

func roundOfBares(m *meter, n int, stop func(*bares), start func(*bares, int, sup.Worker)) {
	var entered sync.WaitGroup
	entered.Add(n)
	w := &idle{&entered}
	b := newBares()
	b.startAll(n, w)
	entered.Wait()
	m.do(n, func() {
		stop(b)
		entered.Add(n)
		b = newBares()
		start(b, n, w)
		entered.Wait()
	})
	b.stop()
}

func roundOfAll(m *meter, n int) {
	var entered sync.WaitGroup
	entered.Add(n)
	calm, trigger := &idle{&entered}, newStormy(&entered)
	s := newStatic(n, sup.OneForAll, func(i int) sup.Worker {
		if i == n/2 {
			return trigger
		}
		return calm
	})
	entered.Wait()
	trigger.strike(m, n)
	shutdown(s)
}
