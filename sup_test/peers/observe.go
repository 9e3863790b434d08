package main

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// measureObservers measures a restart with observers and subscriptions, and
// after all of them have gone.
func measureObservers(r *report) {
	logger := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelInfo}))
	found := compare(8*time.Second,
		contender{name: "none", measure: crashKept()},
		contender{name: "closed", measure: crashAfterSubscription},
		contender{name: "slog off", measure: crashKept(sup.Log(slog.New(slog.DiscardHandler)))},
		contender{name: "slog", measure: crashKept(sup.Log(logger))},
		contender{name: "func", measure: crashKept(sup.ObserverFunc(func(sup.Event) {}))},
	)
	for _, c := range []struct {
		name, text string
		target     float64
	}{
		{"closed", "restart, a subscription closed again", 1.05},
		{"func", "restart, an observer that does nothing", 0},
		{"slog off", "restart, sup.Log, slog.DiscardHandler", 0},
		{"slog", "restart, sup.Log at Info, text to io.Discard", 0},
	} {
		r.add(found, judged{what: c.text, ours: c.name, limit: "none", limitText: "no observer", target: c.target})
	}
}

func crashAfterSubscription(m *meter) {
	w := newCrasher()
	s := must(sup.Start(context.Background(), sup.Spec[*crasher]{Intensity: sup.Unlimited}))
	for range sup.Inspect(s).Events(ended(), "", sup.FromNow) {
	}
	startChildren(s, []string{"crasher"}, w)
	w.ready()
	w.crash(m, restarts)
	shutdown(s)
}

// ended returns a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
