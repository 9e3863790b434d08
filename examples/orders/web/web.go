// Package web has a tree that other trees can nest: an HTTP server on the loopback
// interface and a probe that checks it.
package web

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/espalier-go/espalier/sup"
)

//go:generate go tool supgen

// Site is the tree. If the server fails or does not answer, both children are restarted.
type Site struct {
	sup.Tree `sup:"one_for_all"`

	Server sup.Child[*Server] `sup:"shutdown=3s"`
	Probe  sup.Child[*Probe]
}

// client keeps no connections, because each server has another address.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

// Get returns a page of the live server.
func (s *Site) Get(ctx context.Context, path string) (page string, err error) {
	server, err := s.Server.Wait(ctx)
	if err != nil {
		return "", err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+server.Addr()+path, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s", path, response.Status)
	}
	return string(body), err
}

// A Server serves HTTP.
type Server struct {
	listener net.Listener
	http     http.Server
}

// NewServer returns a server on a listener, which the server will close.
func NewServer(l net.Listener, h http.Handler) *Server {
	return &Server{listener: l, http: http.Server{Handler: h}}
}

// Addr returns the address of the server.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run accepts requests until ctx is done.
func (s *Server) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { s.listener.Close() })
	defer stop()
	err := s.http.Serve(s.listener)
	return cmp.Or(ctx.Err(), err)
}

// Terminate waits for open requests.
func (s *Server) Terminate(ctx context.Context, _ sup.Exit) error { return s.http.Shutdown(ctx) }

// A Probe requests a page of a site regularly, and fails if it gets none.
type Probe struct {
	Site *Site
	Path string
}

// Run probes until ctx is done.
func (p *Probe) Run(ctx context.Context) error {
	for {
		if _, err := p.Site.Get(ctx, p.Path); err != nil {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
