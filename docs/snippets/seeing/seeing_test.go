package seeing

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
)

func spec() sup.Spec[sup.Worker] {
	return sup.Spec[sup.Worker]{Name: "service", Children: []sup.ChildSpec[sup.Worker]{
		{ID: "bad", Start: sup.Every(time.Second, func(context.Context) error { return errors.New("no price") }), Budget: sup.Intensity{Restarts: 1, Within: time.Hour}},
	}}
}

func TestAQuarantineIsAnAlarmAndOnRecord(t *testing.T) {
	t.Chdir(t.TempDir())
	synctest.Test(t, func(t *testing.T) {
		var texts []string
		s := logs(spec(), slog.New(slog.DiscardHandler))
		s.Observers = append(s.Observers, alarms(func(text string) { texts = append(texts, text) }))
		tree, err := sup.Start(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := errors.Join(record(t.Context(), tree), tree.Shutdown(t.Context())); err != nil {
			t.Error(err)
		}
		<-tree.Done()
		if len(texts) != 1 || !strings.Contains(texts[0], "service/bad: child quarantined: abnormal: no price") {
			t.Error(texts)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		follow(ctx, tree)
	})
}

func TestThePageAndTheMetricsAreServed(t *testing.T) {
	tree, err := openTelemetry(spec(), metricnoop.Meter{}, tracenoop.Tracer{})
	if err != nil {
		t.Fatal(err)
	}
	registry, mux := prometheus.NewRegistry(), http.NewServeMux()
	page(mux, tree)
	mux.Handle("/operate/", pageOfOperators(tree, new(kv.Context[string, int]), func(*http.Request) error { return nil }))
	expvarMetrics(tree)
	if err := prometheusMetrics(registry, tree); err != nil {
		t.Error(err)
	}
	if _, err := registry.Gather(); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"/debug/sup/", "/operate/"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost"+path, nil))
		if w.Code != http.StatusOK {
			t.Error(path, w.Code, w.Body)
		}
	}
}
