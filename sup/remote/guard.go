package remote

import (
	"bytes"
	"context"
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

// A guard authenticates every request, rejects clients without a grant, and limits
// request size, read time and write time.
type guard struct {
	settings  *settings
	next      http.Handler
	rejected  *throttledLog
	errors    *connecthttp.ErrorWriter
	perClient requestLimit

	mu     sync.Mutex
	active int
	ending bool
	idle   chan struct{} // closed when ending is set and active is 0
}

func newGuard(s *settings, next http.Handler) *guard {
	return &guard{
		settings:  s,
		next:      next,
		rejected:  &throttledLog{logger: s.Logger},
		errors:    connecthttp.NewErrorWriter(),
		perClient: requestLimit{limit: s.MaxCalls, clients: make(map[string]*clientRequests)},
		idle:      make(chan struct{}),
	}
}

// ServeHTTP passes a request on if the guard lets it through.
func (g *guard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn := connOf(r.Context())
	defer conn.end()
	if !conn.begin() || !g.enter() {
		w.Header().Set("Connection", "close")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	defer g.leave()
	paced := &pacedWriter{ResponseWriter: w, control: http.NewResponseController(w), timeout: g.settings.WriteTimeout}
	defer paced.extend() // for what net/http writes after the handler
	caller, err := g.authenticate(r)
	if err == nil {
		err = g.limitClient(conn, caller)
	}
	if err == nil {
		defer g.perClient.end(caller.key())
		err = g.readBody(w, r)
	}
	if err != nil {
		paced.extend()
		if r.ProtoMajor == 1 || caller == nil {
			w.Header().Set("Connection", "close") // the rest of the request is not read
		}
		g.errors.Write(paced, r, err)
		return
	}
	g.next.ServeHTTP(paced, r.WithContext(context.WithValue(r.Context(), callerKey{}, caller)))
}

// A caller is a client with a role.
type caller struct {
	peer     *peer
	name     string // for the log
	role     Role
	requests *clientRequests
}

// key identifies the client across its connections, as far as its credentials do.
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

// authenticate returns the client that sent a request.
func (g *guard) authenticate(r *http.Request) (*caller, error) {
	if r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
		g.rejected.reject("browser", slog.String("client", r.RemoteAddr), methodAttr(r))
		return nil, connect.NewError(connect.CodePermissionDenied, "browsers are not permitted")
	}
	conn := connOf(r.Context())
	_, overTCP := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
	if r.TLS == nil && overTCP && !(hostcheck.Hosts{}).Allow(r.Host) {
		// A web page can make its own host name resolve to this machine.
		g.rejected.reject("wrong host", slog.String("client", r.RemoteAddr), slog.String("host", termtext.Line(r.Host)), methodAttr(r))
		return nil, connect.NewError(connect.CodePermissionDenied, "the host of the request must be localhost")
	}
	p := &peer{addr: r.RemoteAddr, process: conn.process}
	if r.TLS != nil {
		if len(r.TLS.VerifiedChains) > 0 {
			p.certificate = r.TLS.VerifiedChains[0][0]
		}
		if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
			p.token = token
		}
	}
	name, role := access(g.settings.Access, p)
	switch {
	case role == 0 && conn.unknownPeer: // the gate has logged it
		return nil, connect.NewError(connect.CodePermissionDenied, deniedMessage(p.process))
	case role == 0:
		g.rejected.reject("no grant", slog.String("client", r.RemoteAddr), methodAttr(r))
		return nil, connect.NewError(connect.CodeUnauthenticated, "no grant: send a certificate or a token that the server knows")
	}
	return &caller{peer: p, name: name, role: role}, nil
}

// methodAttr is the method of a request without access. Its target is unknown, since
// the body of such a request is not read.
func methodAttr(r *http.Request) slog.Attr {
	method := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	return slog.String("op", loggedPath(method))
}

// limitClient rejects a client with too many connections or too many requests,
// before its request is read.
func (g *guard) limitClient(conn *peerConn, c *caller) error {
	if !conn.setRole(c.role) {
		g.rejected.reject("too many viewer connections", slog.String("client", termtext.Line(c.name)))
		return wire.ConnectError(fmt.Errorf("%w: too many viewer connections", ErrBusy), connect.ProtocolNameConnect)
	}
	if c.requests = g.perClient.begin(c.key()); c.requests == nil {
		g.rejected.reject("too many calls", slog.String("client", termtext.Line(c.name)))
		return wire.ConnectError(fmt.Errorf("%w: %d calls of %s in progress", ErrBusy, g.settings.MaxCalls, c.key()), connect.ProtocolNameConnect)
	}
	return nil
}

// deniedMessage is the answer to a process without a grant.
func deniedMessage(p *process) string {
	granted := "root"
	if uid := os.Getuid(); uid != 0 {
		granted = fmt.Sprintf("uid %d or root", uid)
	}
	return fmt.Sprintf("no grant for %v: run as %s, or grant that uid a role in the server's Config.Access", p, granted)
}

// readBody reads the whole request, which is one small message in every call, so
// that no handler waits for a client.
func (g *guard) readBody(w http.ResponseWriter, r *http.Request) error {
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(g.settings.HeaderTimeout)); err != nil {
		return connect.NewError(connect.CodeInternal, "setting a read deadline failed")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(g.settings.MaxRequest+maxEnvelope)))
	if err != nil {
		if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
			return connect.Errorf(connect.CodeResourceExhausted, "request larger than %d bytes", g.settings.MaxRequest)
		}
		return connect.NewError(connect.CodeInvalidArgument, "request incomplete or too slow")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err := control.SetReadDeadline(time.Time{}); err != nil {
		return connect.NewError(connect.CodeInternal, "clearing the read deadline failed")
	}
	return nil
}

// maxEnvelope is more than the protocols put around a message, in bytes.
const maxEnvelope = 1 << 10

// enter counts a request. It returns false if the server is ending.
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

// drain rejects further requests and waits until the active ones have returned. That
// is soon, since their contexts have ended.
func (g *guard) drain() {
	g.mu.Lock()
	g.ending = true
	if g.active == 0 {
		g.mu.Unlock()
		return
	}
	g.mu.Unlock() // leave needs mu to close idle
	<-g.idle
}
