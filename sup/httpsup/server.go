package httpsup

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A Server is a worker that serves HTTP. A supervisor calls its methods Initialize, Run and
// Terminate. Each Server serves once.
type Server struct {
	srv      *http.Server
	kept     net.Listener             // given to On; nil for New
	listener net.Listener             // nil until Initialize
	addr     atomic.Pointer[net.Addr] // of listener
	traffic  traffic
	cancel   context.CancelCauseFunc // cancels the contexts of requests; nil until Run
}

// New returns a worker that listens on the TCP address srv.Addr and serves srv. "" means
// ":http", or ":https" with TLS. The Server takes srv over: it must be new, and no other
// code may change, serve or shut it down.
func New(srv *http.Server) *Server { return &Server{srv: srv} }

// On returns a worker that serves srv on a listener of the caller, and leaves it open.
// Between two incarnations, connections wait in the queue of the listener instead of being
// refused. So the listener must outlive the start function:
//
//	ln, err := net.Listen("tcp", ":8080")
//	…
//	defer ln.Close() // after the shutdown of the tree
//
//	func(context.Context) (*httpsup.Server, error) { return httpsup.On(ln, newServer()), nil }
//
// The listener must have a method SetDeadline, as those of package net for TCP and unix
// sockets have, and serve one Server at a time. While the child is stopped or quarantined,
// connections wait too, until ln is closed. On takes srv over like [New].
func On(ln net.Listener, srv *http.Server) *Server { return &Server{srv: srv, kept: ln} }

// Addr returns the address that the worker listens on, or nil before it is ready. It tells
// the port if that of the given address is 0.
func (s *Server) Addr() net.Addr {
	if addr := s.addr.Load(); addr != nil {
		return *addr
	}
	return nil
}

// Initialize implements [sup.Initializer]. It returns when the worker listens.
func (s *Server) Initialize(ctx context.Context) error {
	if err := s.check(); err != nil {
		return err
	}
	ln, err := s.listen(ctx)
	if err != nil {
		return err
	}
	addr := ln.Addr()
	s.listener = ln
	s.addr.Store(&addr)
	return nil
}

// check reports arguments that cannot be served.
func (s *Server) check() error {
	if s.srv == nil {
		return errors.New("nil http.Server (give one with a Handler)")
	}
	_, used := s.srv.Handler.(*watched)
	switch {
	case used:
		return errors.New("http.Server that has served before (make a new one in the start function each time)")
	case s.srv.TLSConfig != nil && !hasCertificate(s.srv.TLSConfig):
		return errors.New("TLSConfig without a certificate (set Certificates or GetCertificate, or leave TLSConfig nil)")
	}
	return nil
}

func hasCertificate(c *tls.Config) bool {
	return len(c.Certificates) > 0 || c.GetCertificate != nil || c.GetConfigForClient != nil
}

func (s *Server) listen(ctx context.Context) (net.Listener, error) {
	if s.kept != nil {
		return use(s.kept)
	}
	addr := s.srv.Addr
	switch {
	case addr == "" && s.srv.TLSConfig != nil:
		addr = ":https"
	case addr == "":
		addr = ":http"
	}
	return new(net.ListenConfig).Listen(ctx, "tcp", addr)
}

// Run implements [sup.Worker]. It serves until ctx is done or the listener fails.
func (s *Server) Run(ctx context.Context) error {
	if s.listener == nil {
		return errors.New("httpsup: not initialized (a supervisor calls Initialize before Run)")
	}
	s.prepare(ctx)
	closed := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(closed)
		s.listener.Close()
	})
	// The server serves in this goroutine, in which the supervisor catches a panic of a
	// function in the http.Server.
	err := s.serve()
	if !stop() {
		<-closed
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, http.ErrServerClosed):
		return fmt.Errorf("%w by other code (leave the shutdown to the supervisor)", err)
	}
	return err
}

func (s *Server) serve() error {
	if s.srv.TLSConfig != nil {
		return s.srv.ServeTLS(s.listener, "", "")
	}
	return s.srv.Serve(s.listener)
}

// prepare makes the server report its traffic, and give requests contexts that can be
// cancelled together.
func (s *Server) prepare(ctx context.Context) {
	s.traffic.watch(s.srv)
	base := s.srv.BaseContext
	s.srv.BaseContext = func(ln net.Listener) context.Context {
		values := context.WithoutCancel(ctx)
		if base != nil {
			values = base(ln)
		}
		if values == nil {
			return nil // net/http reports it
		}
		var requests context.Context
		requests, s.cancel = context.WithCancelCause(context.WithValue(values, stoppingKey{}, ctx.Done()))
		return requests
	}
}

// errCutOff is the cause of the contexts of requests that are cut off.
var errCutOff = fmt.Errorf("%w: no time left to finish the request", sup.ErrShutdown)

// Terminate implements [sup.Terminator]. It finishes the requests, and returns an error if
// some have to be cut off. With [sup.Brutal] it cuts them off at once, without an error.
func (s *Server) Terminate(ctx context.Context, _ sup.Exit) error {
	if s.listener == nil {
		return nil
	}
	s.listener.Close() // Run may not have been called
	brutal, began := ctx.Err() != nil, time.Now()
	drain, cancel := drainContext(ctx)
	defer cancel()
	s.srv.SetKeepAlivesEnabled(false)
	s.traffic.settle(drain)
	_ = s.srv.Shutdown(drain) // its error is the end of drain: what is left then is cut off
	left := s.traffic.wait(drain)
	took := time.Since(began).Round(time.Millisecond)
	if s.cancel != nil {
		s.cancel(errCutOff)
	}
	_ = s.srv.Close() // a connection that is cut off may fail to close, and is gone anyway
	s.traffic.end()
	switch {
	case left == 0, brutal:
		return nil
	case left == 1:
		return fmt.Errorf("1 request not finished within %v", took)
	}
	return fmt.Errorf("%d requests not finished within %v", left, took)
}

// drainContext returns a context for nine tenths of the time of ctx.
func drainContext(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Until(deadline)/10*9)
}

// stoppingKey is the key of the channel that Stopping returns.
type stoppingKey struct{}

// Stopping returns a channel that is closed when the Server that serves a request is asked
// to stop. ctx is the context of the request. The channel is nil, and never closed, if no
// Server of this package serves it.
//
// A handler that streams returns when the channel is closed. Otherwise it takes the whole
// Shutdown time of the child, and counts as cut off.
func Stopping(ctx context.Context) <-chan struct{} {
	done, _ := ctx.Value(stoppingKey{}).(<-chan struct{})
	return done
}
