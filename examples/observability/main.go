// Command observability exports metrics of a failing tree to Prometheus. The tree has a
// plugin that crashes, one that is quarantined, one that is stuck, and a supervisor that
// is down. A second tree is unreachable.
//
//	go run ./examples/observability [-listen ADDRESS]    and scrape http://ADDRESS/metrics
//
// Its directory has alert rules (alerts.yml), their tests (alerts_test.yml) and a
// dashboard for Grafana (dashboard.json). They use the metrics of package promsup and work
// for any tree. "make e2e-metrics" tests them with a real Prometheus.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/promsup"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9464", "`address` to serve on")
	flag.Parse()
	if err := run(*listen); err != nil {
		fmt.Fprintln(os.Stderr, "observability:", err)
		os.Exit(1)
	}
}

func run(listen string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Printf("http://%s/metrics\n", l.Addr())
	return serve(ctx, l)
}

// serve runs the tree and serves its metrics until ctx is done. It closes the listener.
func serve(ctx context.Context, l net.Listener) error {
	tree, release := failingTree()
	if err := tree.Start(context.WithoutCancel(ctx)); err != nil {
		l.Close()
		return err
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(promsup.NewOf(sup.Inspect(tree), unreachable{}))
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	err := causeFailures(ctx, tree)
	if err == nil {
		select {
		case err = <-served:
			served <- err
		case <-ctx.Done():
		}
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	err = errors.Join(err, server.Shutdown(grace))
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	release()
	return errors.Join(err, tree.Shutdown(grace))
}
