package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
	"github.com/espalier-go/espalier/sup/httpsup"
	"github.com/espalier-go/espalier/sup/promsup"
	"github.com/espalier-go/espalier/sup/remote"
)

//go:generate go tool supgen

// Service is the tree. Its children start in this order and stop in reverse.
type Service struct {
	sup.Tree

	Rates  kv.Context[string, float64] // by currency
	Quotes kv.Context[string, int]     // by customer

	Control   sup.Child[*remote.Server]
	Poll      sup.Child[sup.Worker]        `sup:"backoff=100ms..10s"`
	Customers sup.Keyed[string, *Customer] `sup:"temporary,max=10000"` // end when idle, and start again on demand
	HTTP      sup.Child[*httpsup.Server]   `sup:"shutdown=20s"`
}

// workers makes the workers of a Service. It implements ServiceChildren.
type workers struct{ config }

func (w *workers) NewControl(_ context.Context, s *Service) (*remote.Server, error) {
	return remote.NewServer(sup.Control(s), remote.Config{Address: w.control}), nil
}

// NewPoll polls once before the child is ready, so that the HTTP server finds rates.
func (w *workers) NewPoll(ctx context.Context, s *Service) (sup.Worker, error) {
	poll := func(ctx context.Context) error {
		rates, err := w.source(ctx)
		for currency, rate := range rates {
			s.Rates.Set(currency, rate)
		}
		return err // restarts the poller, after its backoff
	}
	if err := poll(ctx); err != nil {
		return nil, err
	}
	return sup.Every(w.interval, poll)(ctx)
}

func (w *workers) NewCustomers(ctx context.Context, s *Service, name string) (*Customer, error) {
	return newCustomer(ctx, s, name, w.idle), nil
}

func (w *workers) NewHTTP(_ context.Context, s *Service) (*httpsup.Server, error) {
	metrics := prometheus.NewRegistry()
	if err := metrics.Register(promsup.New(s)); err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.Handle("/debug/sup/", debug.Handler(sup.Inspect(s)))
	mux.HandleFunc("GET /customers/{customer}/{currency}", s.serveQuote)
	return httpsup.New(&http.Server{Addr: w.http, Handler: mux, ReadHeaderTimeout: 5 * time.Second}), nil
}

// serveQuote answers with a quote of the customer's worker, which it starts if there is
// none.
func (s *Service) serveQuote(w http.ResponseWriter, r *http.Request) {
	customer, err := s.Customers.Ensure(r.Context(), r.PathValue("customer"))
	var quote string
	if err == nil {
		err = customer.Do(r.Context(), func(ctx context.Context, c *Customer) (err error) {
			quote, err = c.Quote(ctx, r.PathValue("currency"))
			return err
		})
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, quote)
}
