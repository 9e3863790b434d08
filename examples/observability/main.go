// Command observability serves what Prometheus wants to know of a tree that has
// its troubles: plugins that crash, one that is quarantined, one that is stuck. A tree of
// another program is unreachable besides.
//
//	go run ./examples/observability [-listen ADDRESS]    and scrape http://ADDRESS/metrics
//
// Beside it are the alert rules (alerts.yml), their tests (alerts_test.yml) and a
// dashboard for Grafana (dashboard.json), all made for the figures of package
// promsup, whatever the tree. They are tried on a real Prometheus by make
// e2e-metrics.
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
	listen := flag.String("listen", "127.0.0.1:9464", "serve on this `address`")
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

// serve runs the tree and tells of it on a listener, which it closes, until ctx
// is done.
func serve(ctx context.Context, l net.Listener) error {
	tree, release := troubled()
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
	err := trouble(ctx, tree)
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
