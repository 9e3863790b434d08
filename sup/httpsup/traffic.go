package httpsup

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

// firstRequest is how long a new connection has for sending its request when the server
// is asked to stop.
const firstRequest = time.Second

// traffic is what a server has accepted and not finished.
//
// http.Server.Shutdown alone is not enough. It closes connections whose request it has
// read and not given to the handler yet, and does not wait for connections that a handler
// has taken over. Close waits for no handler.
type traffic struct {
	mu sync.Mutex
	// pending holds the connections with a request that has not reached the handler, and
	// when they were accepted if nothing was read yet.
	pending map[net.Conn]time.Time
	running int           // handlers that have not returned
	ended   bool          // set when no more requests are accepted
	changed chan struct{} // nil if nothing waits; closed when pending or running changes
}

// connKey is the key of the connection in the context of a request.
type connKey struct{}

// watch makes srv report its traffic.
func (t *traffic) watch(srv *http.Server) {
	t.pending = make(map[net.Conn]time.Time)
	handler, connContext, connState := srv.Handler, srv.ConnContext, srv.ConnState
	if handler == nil {
		handler = http.DefaultServeMux
	}
	srv.Handler = &watched{handler, t}
	srv.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		if connContext != nil {
			ctx = connContext(ctx, conn)
		}
		if ctx == nil {
			return nil // net/http reports it
		}
		return context.WithValue(ctx, connKey{}, conn)
	}
	srv.ConnState = func(conn net.Conn, state http.ConnState) {
		t.note(conn, state)
		if connState != nil {
			connState(conn, state)
		}
	}
}

// watched is the handler of a server whose traffic is reported.
type watched struct {
	http.Handler
	traffic *traffic
}

// ServeHTTP implements [http.Handler].
func (h *watched) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	conn, _ := r.Context().Value(connKey{}).(net.Conn)
	if !h.traffic.begin(conn) {
		return // its connection is closed
	}
	defer h.traffic.done()
	h.Handler.ServeHTTP(w, r)
}

func (t *traffic) note(conn net.Conn, state http.ConnState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch state {
	case http.StateNew:
		t.pending[conn] = time.Now()
	case http.StateActive:
		t.pending[conn] = time.Time{}
	default:
		t.forgetLocked(conn)
	}
}

func (t *traffic) forgetLocked(conn net.Conn) {
	delete(t.pending, conn)
	t.changedLocked()
}

func (t *traffic) begin(conn net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return false
	}
	t.running++
	t.forgetLocked(conn)
	return true
}

func (t *traffic) done() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running--
	t.changedLocked()
}

func (t *traffic) changedLocked() {
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// settle waits until each request that was sent has reached the handler. The server must
// accept no more connections.
func (t *traffic) settle(ctx context.Context) {
	for {
		wait, changed := t.unsettled()
		if wait <= 0 {
			return
		}
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// unsettled returns how long to wait for requests that are expected, or 0.
func (t *traffic) unsettled() (wait time.Duration, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, accepted := range t.pending {
		if accepted.IsZero() { // it has been read, and will reach the handler
			wait = firstRequest
		} else {
			wait = max(wait, firstRequest-time.Since(accepted))
		}
	}
	return wait, t.nextLocked()
}

// wait waits until all handlers have returned or ctx is done, and returns how many have
// not.
func (t *traffic) wait(ctx context.Context) int {
	for {
		t.mu.Lock()
		running, changed := t.running, t.nextLocked()
		t.mu.Unlock()
		if running == 0 {
			return 0
		}
		select {
		case <-changed: // another request may have begun on the same connection
		case <-ctx.Done():
			return running
		}
	}
}

// end accepts no more requests and waits for the handlers that are left.
func (t *traffic) end() {
	t.mu.Lock()
	t.ended = true
	t.mu.Unlock()
	t.wait(context.Background())
}

// nextLocked returns a channel that is closed on the next change.
func (t *traffic) nextLocked() <-chan struct{} {
	if t.changed == nil {
		t.changed = make(chan struct{})
	}
	return t.changed
}
