package otelsup_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/otelsup"
	"github.com/espalier-go/espalier/sup/suptest"
)

// A program uses its own meter provider, such as otel.GetMeterProvider.
func ExampleMetrics() {
	ctx := context.Background()
	reader := metric.NewManualReader()
	meter := metric.NewMeterProvider(metric.WithReader(reader)).Meter("example.com/orders")
	tree := sup.New(sup.Spec[sup.Worker]{Name: "orders"})
	registration, err := otelsup.Metrics(meter, tree)
	if err != nil {
		log.Fatal(err)
	}
	defer registration.Unregister()
	var collected metricdata.ResourceMetrics
	if err := reader.Collect(ctx, &collected); err != nil {
		log.Fatal(err)
	}
	for _, m := range collected.ScopeMetrics[0].Metrics {
		fmt.Println(m.Name, m.Unit)
	}
	// Output:
	// sup.supervisors {supervisor}
	// sup.intensity.limit {restart}
	// sup.intensity.window s
	// sup.intensity.used 1
	// sup.up {tree}
}

// An inspector may read a tree over a network.
func ExampleMetricsOf() {
	_, err := otelsup.MetricsOf(nil, sup.Inspect(sup.New(sup.Spec[sup.Worker]{})))
	fmt.Println(err)
	// Output: nil meter (pass one, such as otel.Meter("example.com/orders"))
}

func ExampleObserver() {
	ctx := context.Background()
	spans := tracetest.NewSpanRecorder() // in place of an exporter
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)).Tracer("example.com/orders")
	db := new(suptest.Worker)
	tree, err := sup.Start(ctx, sup.Spec[*suptest.Worker]{
		Name:      "orders",
		Intensity: sup.Intensity{Restarts: 0, Within: 1},
		Observers: []sup.Observer{otelsup.Observer(tracer)},
		Children:  []sup.ChildSpec[*suptest.Worker]{{ID: "db", Start: func(context.Context) (*suptest.Worker, error) { return db, nil }}},
	})
	if err != nil {
		log.Fatal(err)
	}
	db.Return(errors.New("connection lost"))
	<-tree.Done()
	for _, s := range spans.Ended() {
		fmt.Println(s.Name(), s.Attributes()[0].Value.AsString(), s.Status().Code)
	}
	// Output:
	// sup.start orders/db Unset
	// sup.start orders Unset
	// sup.crash orders/db Error
	// sup.failure orders Error
}

// Metrics and traces of one tree.
func Example() {
	meter := metric.NewMeterProvider().Meter("example.com/orders") // the program's own provider
	tracer := sdktrace.NewTracerProvider().Tracer("example.com/orders")
	tree := sup.New(sup.Spec[sup.Worker]{Name: "orders", Observers: []sup.Observer{otelsup.Observer(tracer)}})
	registration, err := otelsup.Metrics(meter, tree)
	fmt.Println(err, registration.Unregister())
	// Output: <nil> <nil>
}
