package remote

import (
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// A gate is a listener that limits the number of open connections. It closes excess
// connections at once, since a client that waits could not tell a full server from a
// dead one. Connections without credentials and idle connections are evicted first,
// so that many unknown clients cannot lock an operator out.
type gate struct {
	net.Listener
	settings     *settings
	rejected     *throttledLog
	unknownPeers chan struct{} // limits connections of processes without a grant

	mu    sync.Mutex
	conns []*peerConn // oldest first; without those of unknown peers
}

func newGate(l net.Listener, s *settings, rejected *throttledLog) *gate {
	return &gate{Listener: l, settings: s, rejected: rejected, unknownPeers: make(chan struct{}, maxUnknownPeers)}
}

// A process without a grant is admitted for the time of one request, so that it
// receives an error that says so. It takes no place from other clients.
const (
	maxUnknownPeers    = 8
	unknownPeerTimeout = 2 * time.Second
)

// Accept returns the next connection that is admitted.
func (g *gate) Accept() (net.Conn, error) {
	for {
		c, err := g.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if admitted := g.admit(c); admitted != nil {
			return admitted, nil
		}
		c.Close()
	}
}

// admit returns nil if the connection is rejected.
func (g *gate) admit(c net.Conn) *peerConn {
	in := &peerConn{Conn: c, gate: g}
	if u, ok := c.(*net.UnixConn); ok {
		p, err := peerProcess(u)
		if err != nil {
			g.rejected.reject("no peer credentials", slog.Any("err", err))
			return nil
		}
		_, in.role = access(g.settings.Access, &peer{process: p})
		if in.role == 0 {
			g.rejected.reject("no grant", slog.String("client", p.String()))
			return g.admitUnknownPeer(c, p)
		}
		in.process = p
	}
	in.release = sync.OnceFunc(func() { g.remove(in) })
	if in.role == 0 {
		// Time for a handshake and a header. Over HTTP/2 a connection without a request
		// would otherwise stay for IdleTimeout.
		in.unknownTimer = time.AfterFunc(2*g.settings.HeaderTimeout, func() {
			if g.isUnknown(in) {
				in.Close()
			}
		})
	}
	if !g.add(in) {
		in.stopUnknownTimer()
		g.rejected.reject("too many connections", slog.String("client", c.RemoteAddr().String()))
		return nil
	}
	return in
}

func (g *gate) admitUnknownPeer(c net.Conn, from *process) *peerConn {
	select {
	case g.unknownPeers <- struct{}{}:
	default:
		return nil
	}
	in := &peerConn{Conn: c, process: from, unknownPeer: true, release: sync.OnceFunc(func() { <-g.unknownPeers })}
	time.AfterFunc(unknownPeerTimeout, func() { in.Close() })
	return in
}

// add gives a place to a connection, and evicts another one if there is no other
// place. It returns false if there is none.
func (g *gate) add(in *peerConn) bool {
	g.mu.Lock()
	if in.evicted { // its unknownTimer has fired already
		g.mu.Unlock()
		return false
	}
	out, ok := g.evictLocked(in, in.role)
	if ok {
		g.conns = append(g.conns, in)
	}
	g.mu.Unlock()
	g.closeEvicted(out)
	return ok
}

// setRole records the role that a request on a connection has proven. It returns
// false if there are too many connections of viewers.
func (g *gate) setRole(in *peerConn, role Role) bool {
	g.mu.Lock()
	if role <= in.role || in.evicted {
		g.mu.Unlock()
		return true
	}
	var out *peerConn
	ok := true
	if role == Viewer {
		// The connection itself is still counted as unknown.
		if g.viewersLocked() >= g.maxViewers() {
			out = g.idleLocked(Viewer)
			ok = out != nil
			g.removeLocked(out)
		}
	}
	if ok {
		in.role = role
	}
	g.mu.Unlock()
	if ok {
		in.stopUnknownTimer()
	}
	g.closeEvicted(out)
	return ok
}

// closeEvicted closes an evicted connection, unless it is nil.
func (g *gate) closeEvicted(out *peerConn) {
	if out == nil {
		return
	}
	g.rejected.reject("too many connections", slog.String("client", out.RemoteAddr().String()))
	out.Close()
}

// evictLocked finds a place for a connection of a role. It returns the connection
// that it evicted, if any, and whether there is a place.
func (g *gate) evictLocked(in *peerConn, role Role) (out *peerConn, ok bool) {
	switch {
	case role == Viewer && g.viewersLocked() >= g.maxViewers():
		out = g.idleLocked(Viewer)
	case len(g.conns) < g.settings.MaxConnections:
		return nil, true
	default:
		out = g.unknownLocked(in)
		if out == nil {
			out = g.idleLocked(Viewer)
		}
		if out == nil {
			out = g.idleLocked(Operator)
		}
	}
	g.removeLocked(out)
	return out, out != nil
}

// maxViewers returns the maximum number of viewers' connections. Operators are
// unknown when they connect, so some places are reserved for them.
func (g *gate) maxViewers() int { return viewerShare(g.settings.MaxConnections) }

func (g *gate) viewersLocked() (n int) {
	for _, c := range g.conns {
		if c.role == Viewer {
			n++
		}
	}
	return n
}

// unknownLocked returns the oldest unknown connection from the network with the
// most unknown connections, so that many clients in one place evict each other.
func (g *gate) unknownLocked(in *peerConn) *peerConn {
	count := map[netip.Prefix]int{originOf(in): 1}
	for _, c := range g.conns {
		if c.role == 0 {
			count[originOf(c)]++
		}
	}
	var found *peerConn
	for _, c := range g.conns {
		if c.role == 0 && (found == nil || count[originOf(c)] > count[originOf(found)]) {
			found = c
		}
	}
	return found
}

// idleLocked returns the oldest connection of a role without a request in progress.
func (g *gate) idleLocked(role Role) *peerConn {
	for _, c := range g.conns {
		if c.role == role && c.requests == 0 {
			return c
		}
	}
	return nil
}

func (g *gate) removeLocked(out *peerConn) {
	if out == nil {
		return
	}
	out.evicted = true
	if at := slices.Index(g.conns, out); at >= 0 {
		g.conns = slices.Delete(g.conns, at, at+1)
	}
}

func (g *gate) remove(out *peerConn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.removeLocked(out)
}

func (g *gate) isUnknown(in *peerConn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return in.role == 0
}

// originOf returns the smallest network within which one machine can choose its
// address, or the zero Prefix for a connection that is not TCP.
func originOf(c *peerConn) netip.Prefix {
	tcp, ok := c.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap()
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	origin, _ := ip.WithZone("").Prefix(bits)
	return origin
}
