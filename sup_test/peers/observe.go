package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/otelsup"
)

// observedRestarts is the number of restarts that a round measures with observers. It is
// large enough for the queue of events to be full, so what counts is the sustained time.
const observedRestarts = 20_000

// measureObservers measures a restart with observers, and with a subscription that has
// gone. What an observer writes is compared with the same, written by hand in one
// goroutine after as many restarts that are not observed.
func measureObservers(r *report) {
	logger := textLogger()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(drop{})).Tracer("peers")
	found := compare(15*time.Second,
		contender{name: "none", measure: crashObserved(nil)},
		contender{name: "closed", measure: crashAfterSubscription},
		contender{name: "func", measure: crashObserved(nil, sup.ObserverFunc(func(sup.Event) {}))},
		contender{name: "slog off", measure: crashObserved(nil, sup.Log(slog.New(slog.DiscardHandler)))},
		contender{name: "slog", measure: crashObserved(nil, sup.Log(logger))},
		contender{name: "slog by hand", measure: crashObserved(func(n int) { logRestart(logger, n) })},
		contender{name: "spans", measure: crashObserved(nil, otelsup.Observer(tracer))},
		contender{name: "spans by hand", measure: crashObserved(func(n int) { traceRestart(tracer, n) })},
	)
	for _, c := range []struct {
		ours, text, limit, limitText string
		target                       float64
	}{
		{"closed", "restart, a subscription closed again", "none", "no observer", 1.05},
		{"func", "restart, an observer that does nothing", "none", "no observer", 1.5},
		{"slog off", "restart, sup.Log, slog.DiscardHandler", "none", "no observer", 2.5},
		{"slog", "restart, sup.Log at Info, text to io.Discard", "slog by hand", "no observer, and slog by hand", 1.3},
		{"spans", "restart, otelsup.Observer, every span sampled and dropped", "spans by hand", "no observer, and spans by hand", 1.3},
		{"slog", "restart, sup.Log at Info, for comparison", "none", "no observer", 0},
		{"spans", "restart, otelsup.Observer, for comparison", "none", "no observer", 0},
	} {
		r.add(found, judged{what: c.text, ours: c.ours, limit: c.limit, limitText: c.limitText, target: c.target})
	}
}

func textLogger() *slog.Logger {
	return slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelInfo}))
}

// crashObserved measures restarts with observers, or without any and what byHand does
// for each.
func crashObserved(byHand func(n int), observers ...sup.Observer) func(m *meter) {
	return func(m *meter) {
		w := newCrasher()
		s := newSupervisor[*crasher](observers...)
		startChildren(s, []string{"crasher"}, w)
		w.ready()
		w.again <- observedRestarts / 4 // the queue grows
		<-w.finished
		m.do(observedRestarts, func() {
			w.again <- observedRestarts
			<-w.finished
			if byHand != nil {
				for n := range observedRestarts {
					byHand(n + 1)
				}
			}
		})
		shutdown(s)
	}
}

const crasherPath = "supervisor/crasher"

// logRestart writes the records that [sup.Log] writes for a restart.
func logRestart(logger *slog.Logger, n int) {
	ctx := context.Background()
	logger.LogAttrs(ctx, slog.LevelWarn, "child exited", slog.String("path", crasherPath), slog.Int("incarnation", n),
		slog.String("exit", "abnormal"), slog.Any("err", errCrash))
	logger.LogAttrs(ctx, slog.LevelInfo, "child ready", slog.String("path", crasherPath), slog.Int("incarnation", n+1))
}

// traceRestart creates the spans that [otelsup.Observer] creates for a restart.
func traceRestart(tracer trace.Tracer, n int) {
	ctx, now := context.Background(), time.Now()
	at := trace.WithTimestamp(now)
	path, exit := attribute.String("sup.path", crasherPath), attribute.String("sup.exit", "abnormal")
	_, crash := tracer.Start(ctx, "sup.crash", at, trace.WithAttributes(path, attribute.Int("sup.incarnation", n), exit))
	text := errCrash.Error()
	crash.AddEvent("exception", at, trace.WithAttributes(
		attribute.String("exception.message", text), attribute.String("exception.type", fmt.Sprintf("%T", errCrash))))
	crash.SetStatus(codes.Error, text)
	crash.End(at)
	ctx, restart := tracer.Start(ctx, "sup.restart", at, trace.WithLinks(trace.Link{SpanContext: crash.SpanContext()}),
		trace.WithAttributes(path, attribute.Int("sup.incarnation", n), exit))
	_, start := tracer.Start(ctx, "sup.start", at, trace.WithAttributes(path, attribute.Int("sup.incarnation", n+1)))
	start.End(at)
	restart.End(at)
}

func crashAfterSubscription(m *meter) {
	w := newCrasher()
	s := must(sup.Start(context.Background(), sup.Spec[*crasher]{Intensity: sup.Unlimited}))
	for range sup.Inspect(s).Events(ended(), "", sup.FromNow) {
	}
	startChildren(s, []string{"crasher"}, w)
	w.ready()
	w.crash(m, observedRestarts)
	shutdown(s)
}

// ended returns a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}
