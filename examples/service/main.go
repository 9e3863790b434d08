// Service is a small service with all that one needs: an HTTP server that drains, a poller,
// a worker for each customer on demand, state that outlives them, metrics, a page, a
// control socket for supctl, and a shutdown in order on a signal.
//
//	go run ./examples/service
//	curl http://localhost:8080/customers/ada/USD    a quote
//	curl http://localhost:8080/customers/ada/ZZZ    crashes the worker of ada
//	curl http://localhost:8080/metrics
//
// and http://localhost:8080/debug/sup/ in a browser.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A config holds the flags, and what tests replace.
type config struct {
	http, control string // addresses
	interval      time.Duration
	idle          time.Duration // after which the worker of a customer ends
	source        func(ctx context.Context) (map[string]float64, error)
	out           io.Writer
}

func main() {
	c := config{source: market(), out: os.Stdout}
	flag.StringVar(&c.http, "http", "localhost:8080", "`address` of the HTTP server")
	flag.StringVar(&c.control, "control", socket(), "`address` of the control socket")
	flag.DurationVar(&c.interval, "interval", time.Second, "time between two polls")
	flag.DurationVar(&c.idle, "idle", time.Minute, "time after which a customer without requests is forgotten")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx, c, sup.Log(slog.Default())); err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		os.Exit(1)
	}
}

// socket returns an address in a directory that only this user can write to.
func socket() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		dir = "."
	}
	return "unix:" + filepath.Join(dir, "espalier-service", "control.sock")
}

// run serves until ctx is done or the tree gives up. It returns nil after a shutdown.
func run(ctx context.Context, c config, observers ...sup.Observer) error {
	s := NewService(&workers{c}, observers...)
	if err := s.Start(ctx); err != nil {
		return err
	}
	if web, ok := s.HTTP.Get(); ok {
		fmt.Fprintf(c.out, "http://%s\nsupctl -a %s tree\n", web.Addr(), c.control)
	}
	<-s.Done() // children stop in reverse order, so requests are finished first
	return s.Err()
}
