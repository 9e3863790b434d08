package remote

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1/espalierv1connect"
)

// A Server serves a tree to clients. It is a [sup.Worker] and can be a child of the
// tree that it serves. As the first child it stops last, so that a client sees a
// shutdown up to the end. All methods are safe for concurrent use.
type Server struct {
	controller sup.Controller
	config     Config

	mu       sync.Mutex
	settings *settings
	listener net.Listener // set by Initialize, taken by Run
	addr     net.Addr     // nil before Initialize
}

// NewServer returns a server that does not listen yet. The controller is usually
// [sup.Control] of the tree. With a [Client] as controller, the server is a proxy.
func NewServer(c sup.Controller, config Config) *Server {
	return &Server{controller: c, config: config}
}

// Serve runs a new server until ctx ends. It returns the errors of
// [Server.Initialize] and [Server.Run].
func Serve(ctx context.Context, c sup.Controller, config Config) error {
	return NewServer(c, config).Run(ctx)
}

// Initialize opens the listener, so that a server that is a child is not ready
// before clients can connect. It returns [ErrConfig], which lists all problems of the
// configuration, [ErrInUse] if another server listens on the socket, or an error of
// the system.
func (s *Server) Initialize(ctx context.Context) error {
	s.mu.Lock()
	listening := s.listener != nil
	s.mu.Unlock()
	if listening {
		return nil
	}
	settings, err := s.config.settings()
	if err != nil {
		return err
	}
	if s.controller == nil {
		return fmt.Errorf("%w: nil controller: use sup.Control", ErrConfig)
	}
	l, err := settings.listen(ctx)
	if err != nil {
		return fmt.Errorf("%s: listen: %w", s.config.Address, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings, s.listener, s.addr = settings, l, l.Addr()
	return nil
}

// Address returns the address of the server in the form that [Dial] takes, or "" if
// the server has not been initialized.
func (s *Server) Address() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.addr == nil:
		return ""
	case s.addr.Network() == "unix":
		return "unix:" + s.addr.String()
	}
	return s.addr.String()
}

// Run serves until ctx ends. Calls in progress then have [Config.Grace] to return.
// Run calls Initialize if that was not done before.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Initialize(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	l, settings := s.listener, s.settings
	s.listener = nil
	s.mu.Unlock()
	if l == nil {
		return errors.New("control server already running")
	}
	// The contexts of all calls are derived from this one.
	calls, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	control := &handler{
		controller: s.controller,
		settings:   settings,
		self:       sup.Path(ctx),
		streams:    streamLimit{limit: settings.MaxStreams},
		denied:     &throttledLog{logger: settings.Logger, burst: deniedBurst},
		responses:  map[Role]*responseLimit{Viewer: newResponseLimit(settings.MaxAnswers), Operator: newResponseLimit(settings.MaxAnswers)},
	}
	guard := newGuard(settings, control.routes())
	h := settings.httpServer(calls, guard)
	gate := newGate(l, settings, guard.rejected)

	served := make(chan error, 1)
	go func() {
		if settings.TLS != nil {
			served <- h.ServeTLS(gate, "", "")
			return
		}
		served <- h.Serve(gate)
	}()
	var failure error
	select {
	case failure = <-served:
		failure = fmt.Errorf("%s: serve: %w", l.Addr(), failure)
	case <-ctx.Done():
	}
	end(ErrEnding)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), settings.Grace)
	defer cancel()
	if err := h.Shutdown(grace); err != nil {
		h.Close()
	}
	if failure == nil {
		<-served // the listener is closed, and net/http has stopped accepting
	}
	guard.drain()
	if failure == nil {
		return ctx.Err()
	}
	return failure
}

// Terminate closes the listener if Run was not called.
func (s *Server) Terminate(context.Context, sup.Exit) error {
	s.mu.Lock()
	l := s.listener
	s.listener = nil
	s.mu.Unlock()
	if l == nil {
		return nil
	}
	return l.Close()
}

// maxHeader is the maximum size of a request header in bytes.
const maxHeader = 16 << 10

func (s *settings) httpServer(calls context.Context, handler http.Handler) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true) // gRPC over a unix socket
	return &http.Server{
		Handler:           handler,
		TLSConfig:         s.TLS,
		Protocols:         protocols,
		ReadHeaderTimeout: s.HeaderTimeout,
		IdleTimeout:       s.IdleTimeout,
		MaxHeaderBytes:    maxHeader,
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams: s.MaxStreams + 32,
			SendPingTimeout:      s.Heartbeat,
			PingTimeout:          s.WriteTimeout,
			WriteByteTimeout:     s.WriteTimeout,
		},
		BaseContext: func(net.Listener) context.Context { return calls },
		ConnContext: withPeerConn,
		ErrorLog:    log.New(connectionLog{s.Logger}, "", 0),
	}
}

// A connectionLog logs the messages of net/http about connections at Debug. An
// unauthenticated client can cause any number of them, with broken handshakes for
// example.
type connectionLog struct{ logger *slog.Logger }

// Write logs a line.
func (l connectionLog) Write(line []byte) (int, error) {
	l.logger.Debug("connection error", slog.String("err", termtext.Line(string(line))))
	return len(line), nil
}

// routes returns the handler of requests that the guard lets through.
func (h *handler) routes() http.Handler {
	server := connect.NewServer(h.intercept)
	espalierv1connect.RegisterControlHandler(server, h)
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server,
		connecthttp.WithCodecs(connectproto.NewBinaryCodec(), newStrictJSONCodec()),
		connecthttp.WithReadMaxBytes(h.settings.MaxRequest),
		connecthttp.WithCompressMinBytes(compressFrom),
	)
	return mux
}

// compressFrom is the minimum size of a compressed response in bytes.
const compressFrom = 4 << 10

var _ interface {
	sup.Worker
	sup.Initializer
	sup.Terminator
} = (*Server)(nil)
