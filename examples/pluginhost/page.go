package main

import (
	"context"
	"fmt"
	"net"
	"net/http"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
)

// A Page serves the debug page of the host.
type Page struct {
	host     *Host
	service  *service
	listener net.Listener
}

// Initialize listens, and tells where.
func (p *Page) Initialize(context.Context) (err error) {
	if p.listener, err = net.Listen("tcp", p.service.page); err != nil {
		return err
	}
	url := fmt.Sprintf("http://%v/", p.listener.Addr())
	p.service.pageURL.Store(&url)
	p.service.journal.note("the debug page is at %s", url)
	return nil
}

// Run serves until ctx ends.
func (p *Page) Run(ctx context.Context) error {
	server := &http.Server{
		Handler:     debug.Handler(sup.Inspect(p.host), debug.Values("found", &p.host.Found), debug.Keys("results", &p.host.Results)),
		BaseContext: func(net.Listener) context.Context { return ctx }, // ends the streams
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(p.listener) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	err := server.Close()
	<-served
	if err != nil {
		return err
	}
	return ctx.Err()
}

// Terminate closes the listener, also of a page that was never served.
func (p *Page) Terminate(context.Context, sup.Exit) error {
	if p.listener != nil {
		p.listener.Close() // again, as a rule
	}
	return nil
}
