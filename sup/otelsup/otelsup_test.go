package otelsup_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/figures"
	"github.com/espalier-go/espalier/sup/otelsup"
	"github.com/espalier-go/espalier/sup/suptest"
)

var errLost = errors.New("connection lost")

func good(context.Context) (sup.Worker, error) { return new(suptest.Worker), nil }

// recorded returns an observer and the recorder of its spans.
func recorded() (sup.Observer, *tracetest.SpanRecorder) {
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	return otelsup.Observer(provider.Tracer("test")), spans
}

// drawn formats spans in the order of their ends: name, path, incarnation, duration,
// parent, link and error.
func drawn(spans []sdktrace.ReadOnlySpan) []string {
	title := func(s sdktrace.ReadOnlySpan) string {
		text := s.Name()
		for _, a := range s.Attributes() {
			switch a.Key {
			case "sup.path":
				text += " " + a.Value.AsString()
			case "sup.incarnation":
				text += fmt.Sprintf(" #%d", a.Value.AsInt64())
			}
		}
		return text
	}
	titles := make(map[string]string)
	for _, s := range spans {
		titles[s.SpanContext().SpanID().String()] = title(s)
	}
	var lines []string
	for _, s := range spans {
		line := title(s)
		if took := s.EndTime().Sub(s.StartTime()); took > 0 {
			line += fmt.Sprintf(" took %v", took)
		}
		if s.Parent().IsValid() {
			line += " | below " + titles[s.Parent().SpanID().String()]
		}
		for _, l := range s.Links() {
			line += " | because of " + titles[l.SpanContext.SpanID().String()]
		}
		if s.Status().Code == codes.Error {
			line += " | " + s.Status().Description
		}
		lines = append(lines, line)
	}
	return lines
}

func expect(t *testing.T, spans *tracetest.SpanRecorder, want ...string) {
	t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(want, drawn(spans.Ended())); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	spans.Reset()
}

func TestTheStartAndTheStopOfATreeAreOneTraceEach(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		observer, spans := recorded()
		inner := sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{{ID: "leaf", Start: func(context.Context) (sup.Worker, error) {
			return &suptest.Worker{OnInitialize: func(context.Context) error { time.Sleep(time.Second); return nil }}, nil
		}}}}
		s := sup.New(sup.Spec[sup.Worker]{Name: "top", Observers: []sup.Observer{observer}, Children: []sup.ChildSpec[sup.Worker]{
			{ID: "inner", Start: func(context.Context) (sup.Worker, error) { return sup.New(inner), nil }},
		}})
		for range 2 {
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			expect(t, spans,
				"sup.start top/inner/leaf #1 took 1s | below sup.start top/inner #1",
				"sup.start top/inner #1 took 1s | below sup.start top",
				"sup.start top took 1s",
			)
			if err := s.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			expect(t, spans,
				"sup.stop top/inner/leaf #1 | below sup.stop top/inner #1",
				"sup.stop top/inner #1",
			)
		}
	})
}

func TestARestartIsLinkedToTheCrashThatCausedIt(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		observer, spans := recorded()
		faults := suptest.NewFaults(t)
		suptest.Start(t, suptest.Inject(faults, sup.Spec[sup.Worker]{
			Name: "top", Strategy: sup.RestForOne, Observers: []sup.Observer{observer},
			Children: []sup.ChildSpec[sup.Worker]{{ID: "db", Start: good, Backoff: sup.Backoff{Min: time.Second}}, {ID: "web", Start: good}},
		}))
		synctest.Wait()
		spans.Reset()
		faults.FailStart("web", errors.New("port taken"), 1)
		faults.Crash("db", errLost)
		time.Sleep(2 * time.Second)
		expect(t, spans,
			"sup.crash top/db #1 | connection lost",
			"sup.stop top/db #1 | connection lost", // the test broke a goroutine of the child
			"sup.stop top/web #1 | because of sup.crash top/db #1",
			"sup.start top/db #2 | below sup.restart top/db #1",
			"sup.restart top/db #1 took 1s | because of sup.crash top/db #1",
			"sup.crash top/web #2 | port taken",
			"sup.start top/web #2 | below sup.restart top/web #1 | port taken",
			"sup.start top/web #3 | below sup.restart top/web #1",
			"sup.restart top/web #1 took 1s | because of sup.crash top/db #1",
		)
	})
}

func TestAnEscalationIsLinkedDownToItsFirstCause(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		observer, spans := recorded()
		worker := new(suptest.Worker)
		inner := sup.Spec[sup.Worker]{Intensity: sup.Intensity{Restarts: 0, Within: 1}, Children: []sup.ChildSpec[sup.Worker]{
			{ID: "leaf", Start: func(context.Context) (sup.Worker, error) { return worker, nil }},
		}}
		suptest.Start(t, sup.Spec[sup.Worker]{Name: "top", Observers: []sup.Observer{observer}, Children: []sup.ChildSpec[sup.Worker]{
			{ID: "inner", Start: func(context.Context) (sup.Worker, error) { return sup.New(inner), nil }},
		}})
		synctest.Wait()
		spans.Reset()
		worker.Return(errLost)
		synctest.Wait()
		var lines []string
		for _, line := range drawn(spans.Ended()) {
			before, _, _ := strings.Cut(line, " | top") // the text of an intensity error is long
			lines = append(lines, before)
		}
		want := []string{
			"sup.crash top/inner/leaf #1 | connection lost",
			"sup.failure top/inner | because of sup.crash top/inner/leaf #1",
			"sup.crash top/inner #1 | because of sup.failure top/inner",
			"sup.start top/inner/leaf #1 | below sup.start top/inner #2",
			"sup.start top/inner #2 | below sup.restart top/inner #1",
			"sup.restart top/inner #1 | because of sup.crash top/inner #1",
		}
		if diff := cmp.Diff(want, lines); diff != "" {
			t.Errorf("spans (-want +got):\n%s", diff)
		}
	})
}

func TestAStuckStopAndAnAbandonedRestartHaveErrors(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		observer, spans := recorded()
		faults := suptest.NewFaults(t)
		s := suptest.Start(t, suptest.Inject(faults, sup.Spec[sup.Worker]{
			Name: "top", Observers: []sup.Observer{observer},
			Children: []sup.ChildSpec[sup.Worker]{
				{ID: "slow", Start: good, Shutdown: time.Second},
				{ID: "weak", Start: good, Budget: sup.Intensity{Restarts: 1, Within: time.Hour}},
			},
		}))
		faults.SlowStop("slow", time.Minute)
		faults.FailStart("weak", errLost, 5)
		synctest.Wait()
		spans.Reset()
		faults.Panic("weak", "no")
		if err := s.TerminateChild(t.Context(), "slow"); !errors.Is(err, sup.ErrStuck) {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		ended := spans.Ended()
		expect(t, spans,
			"sup.crash top/weak #1 | panic: no",
			"sup.stop top/weak #1 | panic: no",
			"sup.crash top/weak #2 | connection lost",
			"sup.start top/weak #2 | below sup.restart top/weak #1 | connection lost",
			"sup.restart top/weak #1 | because of sup.crash top/weak #1 | child quarantined",
			"sup.stop top/slow #1 took 1m0s | not stopped in time",
		)
		var stuck, stack bool
		for _, s := range ended {
			for _, e := range s.Events() {
				stuck = stuck || e.Name == "stuck" && e.Time.Sub(s.StartTime()) == time.Second
				for _, a := range e.Attributes {
					stack = stack || a.Key == "exception.stacktrace" && strings.Contains(a.Value.AsString(), "suptest")
				}
			}
		}
		if !stuck || !stack {
			t.Errorf("event stuck: %v, stack of the panic: %v", stuck, stack)
		}
	})
}

func TestARestartOnAnExhaustedHostHasAnAttribute(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		observer, spans := recorded()
		faults := suptest.NewFaults(t)
		suptest.Start(t, suptest.Inject(faults, sup.Spec[sup.Worker]{
			Name: "top", Observers: []sup.Observer{observer}, Children: []sup.ChildSpec[sup.Worker]{{ID: "db", Start: good}},
		}))
		synctest.Wait()
		for _, err := range []error{errLost, syscall.EMFILE} {
			spans.Reset()
			faults.FailStart("db", err, 1)
			faults.Crash("db", errLost)
			time.Sleep(time.Minute)
			exhausted := false
			for _, s := range spans.Ended() {
				for _, a := range s.Attributes() {
					exhausted = exhausted || s.Name() == "sup.restart" && a.Key == "sup.host_exhausted" && a.Value.AsBool()
				}
			}
			if want := err == syscall.EMFILE; exhausted != want {
				t.Errorf("%v: host exhausted: %v", err, exhausted)
			}
		}
	})
}

// Neither open spans nor memory stay.
func TestNothingIsKeptOfRemovedChildren(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		observer, spans := recorded()
		set := sup.NewKeyed(sup.KeyedSpec[int, sup.Worker]{Name: "set", Observers: []sup.Observer{observer}, Start: func(context.Context, int) (sup.Worker, error) {
			return sup.New(sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{{ID: "nested", Start: func(context.Context) (sup.Worker, error) {
				return sup.New(sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{{ID: "leaf", Start: good}}}), nil
			}}}}), nil
		}})
		if err := set.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		suptest.Cleanup(t, set)
		for key := range 100 {
			if _, err := set.StartChild(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			if err := set.RemoveChild(t.Context(), key); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if open := len(spans.Started()) - len(spans.Ended()); open != 0 {
			t.Errorf("%d open spans", open)
		}
		if kept := otelsup.Kept(observer); kept != 1 {
			t.Errorf("%d supervisors and children are kept; want 1, the set", kept)
		}
	})
}

func TestTheInstrumentsMatchTheFigures(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults := suptest.NewFaults(t)
		s := suptest.Start(t, suptest.Inject(faults, sup.Spec[sup.Worker]{Name: "top", Children: []sup.ChildSpec[sup.Worker]{{ID: "db", Start: good}}}))
		faults.Crash("db", errLost)
		reader := metric.NewManualReader()
		meter := metric.NewMeterProvider(metric.WithReader(reader)).Meter("test")
		registration, err := otelsup.Metrics(meter, s)
		if err != nil {
			t.Fatal(err)
		}
		var collected metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &collected); err != nil {
			t.Fatal(err)
		}
		got := make(map[string]string)
		for _, m := range collected.ScopeMetrics[0].Metrics {
			got[m.Name] = m.Unit
			if sum, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == "sup.restarts" {
				child, _ := sum.DataPoints[0].Attributes.Value("sup.child")
				if p := sum.DataPoints[0]; !sum.IsMonotonic || p.Value != 1 || child.AsString() != "db" {
					t.Errorf("restarts: %+v", sum)
				}
			}
		}
		for _, m := range figures.Metrics() {
			unit, ok := got[m.Name]
			if seen := m.Name != "sup.state.age" && m.Name != "sup.budget.used"; ok != seen || ok && unit != m.Unit {
				t.Errorf("%s: unit %q, collected: %v", m.Name, unit, ok)
			}
		}
		if err := registration.Unregister(); err != nil {
			t.Error(err)
		}
	})
}

func TestANilMeterAndANilTreeAreErrors(t *testing.T) {
	if _, err := otelsup.Metrics(nil); err == nil || !strings.HasPrefix(err.Error(), "nil meter (pass one") {
		t.Error(err)
	}
	reader := metric.NewManualReader()
	meter := metric.NewMeterProvider(metric.WithReader(reader)).Meter("test")
	if _, err := otelsup.Metrics(meter, nil, sup.New(sup.Spec[sup.Worker]{})); err == nil || !strings.Contains(err.Error(), "tree 1 is nil") {
		t.Error(err)
	}
	if _, err := otelsup.Metrics(meter, sup.New(sup.Spec[sup.Worker]{}), sup.New(sup.Spec[sup.Worker]{})); err == nil ||
		!strings.Contains(err.Error(), `trees 1 and 2 are both named "supervisor" (give each Spec a Name`) {
		t.Error(err)
	}
	otelsup.Observer(nil).Observe(sup.Event{Kind: sup.ChildStarting, Seq: 1, Path: "a/b", Time: time.Now()})
}

// A reader does not export a collection that failed.
func TestATreeThatCannotBeReadIsDown(t *testing.T) {
	reader := metric.NewManualReader()
	meter := metric.NewMeterProvider(metric.WithReader(reader)).Meter("test")
	if _, err := otelsup.MetricsOf(meter, lost{}, sup.Inspect(sup.New(sup.Spec[sup.Worker]{}))); err != nil {
		t.Fatal(err)
	}
	var collected metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &collected); err != nil {
		t.Fatal(err)
	}
	got := make(map[string]int64)
	for _, m := range collected.ScopeMetrics[0].Metrics {
		gauge, ok := m.Data.(metricdata.Gauge[int64])
		if !ok {
			continue
		}
		for _, p := range gauge.DataPoints {
			key := m.Name
			for _, a := range p.Attributes.ToSlice() {
				key += " " + a.Value.AsString()
			}
			got[key] = p.Value
		}
	}
	for key, want := range map[string]int64{
		"sup.up tree 1": 0, "sup.down.reason error tree 1": 1, "sup.up supervisor": 1, "sup.supervisors supervisor": 0,
	} {
		if value, ok := got[key]; !ok || value != want {
			t.Errorf("%s is %d in %v", key, value, got)
		}
	}
}

type lost struct{ sup.Inspector }

func (lost) Snapshot(context.Context, string) (sup.SupervisorInfo, error) {
	return sup.SupervisorInfo{}, errLost
}

// An exporter keeps the names of exported metrics.
type exporter struct{ names map[string]bool }

func (e *exporter) Temporality(k metric.InstrumentKind) metricdata.Temporality {
	return metric.DefaultTemporalitySelector(k)
}
func (e *exporter) Aggregation(k metric.InstrumentKind) metric.Aggregation {
	return metric.DefaultAggregationSelector(k)
}
func (e *exporter) ForceFlush(context.Context) error { return nil }
func (e *exporter) Shutdown(context.Context) error   { return nil }
func (e *exporter) Export(ctx context.Context, all *metricdata.ResourceMetrics) error {
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			e.names[m.Name] = true
		}
	}
	return ctx.Err()
}

// A periodic reader drops a collection that failed or exceeded its timeout.
func TestATreeThatDoesNotAnswerIsExportedAsDown(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		e := &exporter{make(map[string]bool)}
		provider := metric.NewMeterProvider(metric.WithReader(metric.NewPeriodicReader(e)))
		if _, err := otelsup.MetricsOf(provider.Meter("test"), mute{}, sup.Inspect(sup.New(sup.Spec[sup.Worker]{Name: "here"}))); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := provider.ForceFlush(t.Context()); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("the export took %v", took)
		}
		for _, name := range []string{"sup.up", "sup.down.reason", "sup.supervisors"} {
			if !e.names[name] {
				t.Errorf("%s is not exported: %v", name, e.names)
			}
		}
		if err := provider.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// mute is an inspector that does not answer.
type mute struct{ sup.Inspector }

func (mute) Snapshot(ctx context.Context, _ string) (sup.SupervisorInfo, error) {
	<-ctx.Done()
	return sup.SupervisorInfo{}, context.Cause(ctx)
}
