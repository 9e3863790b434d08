package main

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/otelsup"
	"github.com/espalier-go/espalier/sup/promsup"
)

// An onlooker is a way to observe a tree.
type onlooker struct {
	name, text string
	target     float64                                 // of a restart; 0 if it is only shown
	record     int                                     // Record of the spec
	observers  func() []sup.Observer                   // created for each tree
	collect    func(tree sup.AnySupervisor) (f func()) // f is called periodically while the tree runs
}

// scraped is the interval of collections, shorter than any used in practice.
const scraped = 5 * time.Millisecond

// onlookedRestarts is the number of restarts that a round measures, enough for
// several collections.
const onlookedRestarts = 20_000

var onlookers = []onlooker{
	{name: "none", record: -1},
	{name: "recorder", text: "the default record of events", target: 1.05},
	{name: "slog", text: "and sup.Log at Info, text to io.Discard", observers: func() []sup.Observer {
		return []sup.Observer{sup.Log(textLogger())}
	}},
	{name: "prom", text: "and promsup, gathered every 5 ms", collect: func(tree sup.AnySupervisor) func() {
		registry := prometheus.NewRegistry()
		registry.MustRegister(promsup.New(tree))
		return func() { must(registry.Gather()) }
	}},
	{name: "otel metrics", text: "and otelsup.Metrics, collected every 5 ms", collect: func(tree sup.AnySupervisor) func() {
		reader := metric.NewManualReader()
		must(otelsup.Metrics(metric.NewMeterProvider(metric.WithReader(reader)).Meter("peers"), tree))
		return func() {
			var told metricdata.ResourceMetrics
			check(reader.Collect(context.Background(), &told))
		}
	}},
	{name: "otel traces", text: "and otelsup.Observer, every span sampled and dropped", observers: func() []sup.Observer {
		provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(drop{}))
		return []sup.Observer{otelsup.Observer(provider.Tracer("peers"))}
	}},
}

// drop is a span processor that exports nothing.
type drop struct{}

func (drop) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (drop) OnEnd(sdktrace.ReadOnlySpan)                     {}
func (drop) Shutdown(context.Context) error                  { return nil }
func (drop) ForceFlush(context.Context) error                { return nil }

// measureOnlookers measures what each onlooker adds to a restart and a start,
// compared with a tree without record and observers.
func measureOnlookers(r *report) {
	const n = 10_000
	var restarted, started []contender
	for _, o := range onlookers {
		restarted = append(restarted, contender{name: o.name, measure: o.restart})
		started = append(started, contender{name: o.name, measure: func(m *meter) { o.start(m, n) }})
	}
	started = append(started, contender{name: "slog by hand", measure: func(m *meter) { startByHand(m, n) }})
	for _, c := range []struct {
		what  string
		found map[string]samples
	}{
		{"restart", compare(12*time.Second, restarted...)},
		{"start of 10k children, Keyed, each", compare(20*time.Second, started...)},
	} {
		for _, o := range onlookers[1:] {
			one := judged{what: c.what + ": " + o.text, ours: o.name, limit: "none", limitText: "no record, no observers"}
			if c.what == "restart" {
				one.target = o.target
			}
			if o.collect != nil {
				one.limit, one.limitText, one.target = "recorder", "not collected", 1.1
			}
			r.add(c.found, one)
		}
		if c.found["slog by hand"] != nil {
			r.add(c.found, judged{
				what: c.what + ": sup.Log at Info", ours: "slog", target: 1.3,
				limit: "slog by hand", limitText: "no observer, and slog by hand",
			})
		}
	}
}

// startByHand measures a start that is not observed, and the records that [sup.Log]
// writes of it.
func startByHand(m *meter, n int) {
	w, logger := busy(n), textLogger()
	k := newKeyed(w)
	m.do(n, func() {
		startKeyed(k, 0, n)
		w.entered.Wait()
		for i := range n {
			logger.LogAttrs(context.Background(), slog.LevelInfo, "child ready",
				slog.String("path", "supervisor/"+strconv.Itoa(i)), slog.Int("incarnation", 1))
		}
	})
	shutdown(k)
}

func (o onlooker) restart(m *meter) {
	w := newCrasher()
	spec := sup.Spec[*crasher]{Intensity: sup.Unlimited, Record: o.record}
	if o.observers != nil {
		spec.Observers = o.observers()
	}
	s := must(sup.Start(context.Background(), spec))
	startChildren(s, []string{"crasher"}, w)
	w.ready()
	stop := o.look(s)
	w.crash(m, onlookedRestarts)
	stop()
	shutdown(s)
}

func (o onlooker) start(m *meter, n int) {
	w := busy(n)
	spec := sup.KeyedSpec[int, *idle]{
		Start:  func(context.Context, int) (*idle, error) { return w, nil },
		Record: o.record, Intensity: sup.Unlimited,
	}
	if o.observers != nil {
		spec.Observers = o.observers()
	}
	k := started(sup.NewKeyed(spec))
	stop := o.look(k)
	m.do(n, func() {
		startKeyed(k, 0, n)
		w.entered.Wait()
	})
	stop()
	shutdown(k)
}

// look calls f periodically until it is stopped.
func (o onlooker) look(tree sup.AnySupervisor) (stop func()) {
	if o.collect == nil {
		return func() {}
	}
	collect := o.collect(tree)
	done := make(chan struct{})
	var looking sync.WaitGroup
	looking.Go(func() {
		ticker := time.NewTicker(scraped)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				collect()
			case <-done:
				return
			}
		}
	})
	return func() {
		close(done)
		looking.Wait()
	}
}
