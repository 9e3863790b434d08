// Package seeing has the code of the guide to seeing a tree.
package seeing

import (
	"context"
	"expvar"
	"fmt"
	"log/slog"
	"net/http"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
	"github.com/espalier-go/espalier/sup/figures"
	"github.com/espalier-go/espalier/sup/flight"
	"github.com/espalier-go/espalier/sup/otelsup"
	"github.com/espalier-go/espalier/sup/promsup"
)

func page(mux *http.ServeMux, tree sup.AnySupervisor) {
	mux.Handle("/debug/sup/", debug.Handler(sup.Inspect(tree)))
}

func pageOfOperators(tree sup.AnySupervisor, prices *kv.Context[string, int], authorize func(*http.Request) error) http.Handler {
	return debug.Handler(sup.Inspect(tree),
		debug.Operator(sup.Control(tree), authorize), // buttons, for requests that authorize accepts
		debug.Values("prices", prices),               // shows a kv.Context
		debug.Hosts("panel.example"),                 // the name by which browsers on other machines open the page
	)
}

func logs(spec sup.Spec[sup.Worker], logger *slog.Logger) sup.Spec[sup.Worker] {
	spec.Observers = append(spec.Observers, sup.Log(logger))
	return spec
}

func alarms(page func(text string)) sup.Observer {
	return sup.ObserverFunc(func(e sup.Event) {
		switch e.Kind {
		case sup.ChildStuck, sup.ChildQuarantined, sup.SupervisorFailed:
			page(fmt.Sprintf("%s: %v: %v", e.Path, e.Kind, e.Exit))
		}
	})
}

func follow(ctx context.Context, tree sup.AnySupervisor) {
	for event, err := range sup.Inspect(tree).Events(ctx, "", 0) { // "": the whole tree; 0: from the oldest on record
		if err != nil { // events were lost, or the stream has ended
			fmt.Println(err)
			continue
		}
		fmt.Println(event.Time, event.Kind, event.Path, event.Exit)
	}
}

func prometheusMetrics(registry *prometheus.Registry, tree sup.AnySupervisor) error {
	return registry.Register(promsup.New(tree)) // sup_restarts_total{supervisor="service", child="db"} …
}

func openTelemetry(spec sup.Spec[sup.Worker], meter metric.Meter, tracer trace.Tracer) (*sup.Supervisor[sup.Worker], error) {
	spec.Observers = append(spec.Observers, otelsup.Observer(tracer)) // spans; each restart is linked to its crash
	tree := sup.New(spec)
	_, err := otelsup.Metrics(meter, tree)
	return tree, err
}

func expvarMetrics(tree sup.AnySupervisor) {
	expvar.Publish("sup", figures.Var{Tree: sup.Inspect(tree)})
}

func record(ctx context.Context, tree sup.AnySupervisor) error {
	file, err := os.Create("incident.jsonl")
	if err != nil {
		return err
	}
	defer file.Close()
	return flight.Dump(ctx, file, sup.Inspect(tree), "")
}
