package remote

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	"github.com/espalier-go/espalier/internal/hostcheck"
	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup/remote/internal/wire"
)

// A guard stands before everything that a client can reach: it finds out who
// that is, turns away whom nothing is granted to, and bounds what is read and
// for how long is written.
type guard struct {
	settings  *settings
	next      http.Handler
	rejected  *throttledLog
	errors    *connecthttp.ErrorWriter
	perClient requestLimit

	mu     sync.Mutex
	active int
	ending bool
	idle   chan struct{} // closed when ending and no call is left
}

func newGuard(s *settings, next http.Handler) *guard {
	return &guard{
		settings:  s,
		next:      next,
		rejected:  &throttledLog{logger: s.Logger},
		errors:    connecthttp.NewErrorWriter(),
		perClient: requestLimit{limit: s.MaxCalls, peers: make(map[string]*clientRequests)},
		idle:      make(chan struct{}),
	}
}

// envelope is more than a message has around it.
const maxEnvelope = 1 << 10

func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	guest := connOf(r.Context())
	defer guest.end()
	if !guest.begin() || !g.enter() {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer g.leave()
	paced := &pacedWriter{ResponseWriter: w, control: http.NewResponseController(w), timeout: g.settings.WriteTimeout}
	defer paced.extend() // for what net/http writes itself
	caller, err := g.authenticate(r)
	if err == nil {
		err = g.limitClient(guest, caller)
	}
	if err == nil {
		defer g.perClient.end(caller.key())
		err = g.readBody(w, r)
	}
	if err != nil {
		paced.extend()
		if r.ProtoMajor == 1 || caller == nil {
			w.Header().Set("Connection", "close") // what is left of the request is not read
		}
		g.errors.Write(paced, r, err)
		return
	}
	g.next.ServeHTTP(paced, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
}

// A caller is a client that may do something.
type caller struct {
	peer     *peer
	name     string
	role     Role
	requests *clientRequests
}

// key is the same for all connections of a client, as far as its credentials tell.
func (c *caller) key() string {
	if c.peer.process != nil {
		return fmt.Sprintf("uid %d", c.peer.process.uid)
	}
	if address, ok := strings.CutPrefix(c.name, anyonePrefix); ok {
		if host, _, err := net.SplitHostPort(address); err == nil {
			return anyonePrefix + host
		}
	}
	return c.name
}

type callerKey struct{}

func callerOf(ctx context.Context) *caller {
	c, _ := ctx.Value(callerKey{}).(*caller)
	return c
}

// recognize finds out who sends a request.
func (g *guard) authenticate(r *http.Request) (*caller, error) {
	if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
		g.rejected.reject("a browser", slog.String("who", r.RemoteAddr), methodAttr(r))
		return nil, connect.NewError(connect.CodePermissionDenied, "this is not for browsers")
	}
	guest := connOf(r.Context())
	_, overTCP := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if r.TLS == nil && overTCP && !(hostcheck.Hosts{}).Allow(r.Host) {
		// A name that somebody has made to mean this machine.
		g.rejected.reject("a wrong host", slog.String("who", r.RemoteAddr), slog.String("host", termtext.Line(r.Host)), methodAttr(r))
		return nil, connect.NewError(connect.CodePermissionDenied, "this host is localhost, and nothing else")
	}
	p := &peer{addr: r.RemoteAddr, process: guest.process}
	if r.TLS != nil {
		if len(r.TLS.VerifiedChains) > 0 {
			p.certificate = r.TLS.VerifiedChains[0][0]
		}
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			p.token = token
		}
	}
	who, role := access(g.settings.Access, p)
	switch {
	case role == 0 && guest.unknownPeer: // the gate has logged it
		return nil, connect.NewError(connect.CodePermissionDenied, deniedMessage(p.process))
	case role == 0:
		g.rejected.reject("no access", slog.String("who", r.RemoteAddr), methodAttr(r))
		return nil, connect.NewError(connect.CodeUnauthenticated, "no access: send a certificate or a token that the server knows")
	}
	return &caller{peer: p, name: who, role: role}, nil
}

// asked is the method that a request without access is for. Of what the method is
// about, nothing is known: the request of a stranger is not read.
func methodAttr(r *http.Request) slog.Attr {
	method := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	return slog.String("op", loggedPath(method))
}

// count turns away a client that has too many connections, or too many requests
// under way, before its request is read.
func (g *guard) limitClient(guest *peerConn, c *caller) error {
	if !guest.setRole(c.role) {
		g.rejected.reject("too many connections of viewers", slog.String("who", termtext.Line(c.name)))
		return wire.ConnectError(fmt.Errorf("remote: %w: too many connections of viewers", ErrBusy), connect.ProtocolNameConnect)
	}
	if c.requests = g.perClient.begin(c.key()); c.requests == nil {
		g.rejected.reject("too many calls", slog.String("who", termtext.Line(c.name)))
		return wire.ConnectError(fmt.Errorf("remote: %w: %d calls of %s are under way", ErrBusy, g.settings.MaxCalls, c.key()), connect.ProtocolNameConnect)
	}
	return nil
}

// uninvited tells a process that no grant covers it.
func deniedMessage(p *process) string {
	granted := "root"
	if uid := os.Getuid(); uid != 0 {
		granted = fmt.Sprintf("uid %d or root", uid)
	}
	return fmt.Sprintf("nothing is granted to %v: run as %s, or grant that uid a role in the Config.Access of the server", p, granted)
}

// readBody reads the whole request, which is one small message whatever the
// call, so that no handler waits for a client.
func (g *guard) readBody(w http.ResponseWriter, r *http.Request) error {
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(g.settings.HeaderTimeout)); err != nil {
		return connect.NewError(connect.CodeInternal, "no deadline for reading")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(g.settings.MaxRequest+maxEnvelope)))
	if err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return connect.Errorf(connect.CodeResourceExhausted, "the request is larger than %d bytes", g.settings.MaxRequest)
		}
		return connect.NewError(connect.CodeInvalidArgument, "the request ends early, or comes too slowly")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err := control.SetReadDeadline(time.Time{}); err != nil {
		return connect.NewError(connect.CodeInternal, "no deadline for reading")
	}
	return nil
}

// enter counts a call, unless the server ends.
func (g *guard) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ending {
		return false
	}
	g.active++
	return true
}

func (g *guard) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.active--
	if g.ending && g.active == 0 {
		close(g.idle)
	}
}

// wait lets no further call in, and waits until those that are in have
// returned, which they do soon since their contexts have ended.
func (g *guard) drain() {
	g.mu.Lock()
	g.ending = true
	if g.active == 0 {
		g.mu.Unlock()
		return
	}
	g.mu.Unlock()
	<-g.idle
}

// withGuest puts into the context of a connection whose it is.
func withPeerConn(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	g, ok := c.(*peerConn)
	if !ok {
		g = new(peerConn)
	}
	return context.WithValue(ctx, peerConnKey{}, g)
}

type peerConnKey struct{}

func connOf(ctx context.Context) *peerConn { return ctx.Value(peerConnKey{}).(*peerConn) }

// pacedPart is how much may be written in one patience, in bytes.
const writeChunk = 64 << 10

// A pacedWriter gives up on a client that does not read: each part of an answer
// has its own deadline.
type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
}

func (w *pacedWriter) extend() {
	// A writer without deadlines is one of a test, which reads.
	_ = w.control.SetWriteDeadline(time.Now().Add(w.timeout))
}

func (w *pacedWriter) Write(b []byte) (written int, err error) {
	for first := true; first || len(b) > 0; first = false {
		part := b[:min(len(b), writeChunk)]
		w.extend()
		n, err := w.ResponseWriter.Write(part)
		written += n
		if err != nil {
			return written, err
		}
		b = b[len(part):]
	}
	return written, nil
}

func (w *pacedWriter) WriteHeader(status int) {
	w.extend()
	w.ResponseWriter.WriteHeader(status)
}

// Flush implements http.Flusher, which streams demand.
func (w *pacedWriter) Flush() {
	w.extend()
	if w.control.Flush() == nil { // else the next Write tells what is wrong
		// Over HTTP/2 a deadline resets a stream that is only quiet.
		_ = w.control.SetWriteDeadline(time.Time{})
	}
}

// Unwrap is for http.ResponseController.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
