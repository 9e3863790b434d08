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

// A Server lets clients control a tree. It is a [sup.Worker], and can be a child
// of the tree that it controls: as the first one it is the last to stop, and so
// a client sees a shutdown through to the end. All methods are safe for
// concurrent use.
type Server struct {
	controller sup.Controller
	config     Config

	mu       sync.Mutex
	settings *settings
	listener net.Listener // nil unless Initialize has begun to listen and Run does not serve yet
	addr     net.Addr
}

// NewServer returns a server that does not listen yet. The controller is most
// often that of [sup.Control]; a [Client] will do too, and makes the server one
// that passes on.
func NewServer(c sup.Controller, config Config) *Server {
	return &Server{controller: c, config: config}
}

// Serve serves until ctx ends. The errors are those of [Server.Initialize] and
// [Server.Run].
func Serve(ctx context.Context, c sup.Controller, config Config) error {
	return NewServer(c, config).Run(ctx)
}

// Initialize begins to listen, so that a server which is a child is ready when
// it can be reached. Errors: [ErrConfig], with all faults of the configuration;
// [ErrInUse] if another server listens on the socket; and those of the system.
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
		return fmt.Errorf("remote: %w: the controller is nil: use sup.Control", ErrConfig)
	}
	l, err := settings.listen(ctx)
	if err != nil {
		return fmt.Errorf("remote: listen on %s: %w", s.config.Address, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings, s.listener, s.addr = settings, l, l.Addr()
	return nil
}

// Address returns where the server listens, in the form that [Dial] takes, or
// "" if it does not yet.
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

// Run serves until ctx ends, and then gives the calls that are under way
// [Config.Grace] to answer. It begins to listen, if Initialize has not.
func (s *Server) Run(ctx context.Context) error {
	if err := s.Initialize(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	l, settings := s.listener, s.settings
	s.listener = nil
	s.mu.Unlock()
	if l == nil {
		return errors.New("remote: the server runs already")
	}
	// The contexts of all calls end with this one.
	calls, end := context.WithCancelCause(context.WithoutCancel(ctx))
	defer end(nil)
	control := &handler{
		controller: s.controller,
		settings:   settings,
		self:       sup.Path(ctx),
		streams:    streamLimit{limit: settings.MaxStreams},
		serving:    calls,
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
		failure = fmt.Errorf("remote: %w", failure)
	case <-ctx.Done():
	}
	end(ErrEnding)
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), settings.Grace)
	defer cancel()
	if err := h.Shutdown(grace); err != nil {
		h.Close()
	}
	if failure == nil {
		<-served
	}
	guard.drain()
	control.replacements.Wait()
	if failure == nil {
		return ctx.Err()
	}
	return failure
}

// Terminate stops listening where Run was not reached.
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

// maxHeader bounds the header of a request, in bytes.
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

// quiet is for what net/http has to say of connections: broken handshakes and
// the like, of which a stranger can make as many as he likes.
type connectionLog struct{ logger *slog.Logger }

func (q connectionLog) Write(line []byte) (int, error) {
	q.logger.Debug("connection", slog.String("problem", termtext.Line(string(line))))
	return len(line), nil
}

// routes is what answers those that the guard lets through.
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

// compressFrom is the size, in bytes, from which an answer is worth compressing
// if the client understands that.
const compressFrom = 4 << 10

var _ interface {
	sup.Worker
	sup.Initializer
	sup.Terminator
} = (*Server)(nil)
