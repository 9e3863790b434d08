package remote

import (
	"context"
	"crypto/tls"
	"net"
	"time"
)

// A peerConn is a connection that a gate has admitted.
type peerConn struct {
	net.Conn
	process      *process // at the other end of a unix socket, else nil
	unknownPeer  bool     // the process has no grant
	gate         *gate    // nil for an unknown peer
	release      func()
	unknownTimer *time.Timer // closes a connection that proves no role; nil if the process has one

	// Guarded by gate.mu.
	role     Role // the highest that the process or a request has proven; 0 while unknown
	requests int  // in progress
	evicted  bool // the connection has no place any more
}

// begin counts a request. It returns false if the connection was evicted, so that
// the request cannot be answered.
func (c *peerConn) begin() bool {
	if c.gate == nil {
		return true
	}
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.requests++
	return !c.evicted
}

// end is called when a request has been answered.
func (c *peerConn) end() {
	if c.gate == nil {
		return
	}
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.requests--
}

func (c *peerConn) setRole(role Role) bool { return c.gate == nil || c.gate.setRole(c, role) }

// Close closes the connection and frees its place.
func (c *peerConn) Close() error {
	err := c.Conn.Close()
	c.stopUnknownTimer()
	c.release()
	return err
}

func (c *peerConn) stopUnknownTimer() {
	if c.unknownTimer != nil {
		c.unknownTimer.Stop()
	}
}

type peerConnKey struct{}

// withPeerConn is the ConnContext of the HTTP server.
func withPeerConn(ctx context.Context, c net.Conn) context.Context {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	p, ok := c.(*peerConn)
	if !ok {
		p = new(peerConn)
	}
	return context.WithValue(ctx, peerConnKey{}, p)
}

func connOf(ctx context.Context) *peerConn { return ctx.Value(peerConnKey{}).(*peerConn) }
