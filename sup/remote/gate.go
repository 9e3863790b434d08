package remote

import (
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// A gate is a listener that holds a bounded number of connections open. Further
// ones are closed at once: a client that waited could not tell a full server from
// a dead one. Clients that have shown nothing, and idle ones, make room first, so
// a crowd of strangers does not keep an operator out.
type gate struct {
	net.Listener
	settings     *settings
	rejected     *throttledLog
	unknownPeers chan struct{} // places of processes that no grant covers

	mu    sync.Mutex
	conns []*peerConn // in the order in which they came; without strangers
}

func newGate(l net.Listener, s *settings, turned *throttledLog) *gate {
	return &gate{Listener: l, settings: s, rejected: turned, unknownPeers: make(chan struct{}, maxUnknownPeers)}
}

// A process that no grant covers gets in only to be told so, in a time that is
// enough for a request. It takes no place from others.
const (
	maxUnknownPeers    = 8
	unknownPeerTimeout = 2 * time.Second
)

// A guest is a connection that a gate has let in.
type peerConn struct {
	net.Conn
	process      *process // at the other end of a unix socket
	unknownPeer  bool     // no grant covers the process
	gate         *gate    // nil for a stranger
	release      func()
	unknownTimer *time.Timer // closes a connection that stays unknown; nil if the process is known

	// Guarded by gate.mu.
	role     Role // the highest that the process or a request has shown; 0 while unknown
	requests int  // requests under way
	evicted  bool // another one has the place
}

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

func (g *gate) admit(c net.Conn) *peerConn {
	in := &peerConn{Conn: c, gate: g}
	if u, ok := c.(*net.UnixConn); ok {
		p, err := peerProcess(u)
		if err != nil {
			g.rejected.reject("no credentials", slog.Any("err", err))
			return nil
		}
		_, in.role = access(g.settings.Access, &peer{process: p})
		if in.role == 0 {
			g.rejected.reject("no access", slog.String("who", p.String()))
			return g.admitUnknownPeer(c, p)
		}
		in.process = p
	}
	in.release = sync.OnceFunc(func() { g.remove(in) })
	if in.role == 0 {
		// For a handshake and a header. Over HTTP/2 a connection without a request
		// would have the time of an idle one.
		in.unknownTimer = time.AfterFunc(2*g.settings.HeaderTimeout, func() {
			if g.isUnknown(in) {
				in.Close()
			}
		})
	}
	if !g.add(in) {
		in.stopUnknownTimer()
		g.rejected.reject("too many connections", slog.String("who", c.RemoteAddr().String()))
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
	stranger := &peerConn{Conn: c, process: from, unknownPeer: true, release: sync.OnceFunc(func() { <-g.unknownPeers })}
	time.AfterFunc(unknownPeerTimeout, func() { stranger.Close() })
	return stranger
}

// enter gives a connection a place, that of another one if there is no other.
func (g *gate) add(in *peerConn) bool {
	g.mu.Lock()
	if in.evicted { // its time is over already
		g.mu.Unlock()
		return false
	}
	out, ok := g.makeRoomLocked(in, in.role)
	if ok {
		g.conns = append(g.conns, in)
	}
	g.mu.Unlock()
	g.closeEvicted(out)
	return ok
}

// show notes that a request of a connection has shown a role. It returns false if
// there are as many connections of viewers as may be.
func (g *gate) setRole(in *peerConn, role Role) bool {
	g.mu.Lock()
	if role <= in.role || in.evicted {
		g.mu.Unlock()
		return true
	}
	var out *peerConn
	ok := true
	if role == Viewer {
		// The place that the connection has is still counted as one of those unknown.
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

// dismiss closes a connection that has lost its place; nil is none.
func (g *gate) closeEvicted(out *peerConn) {
	if out == nil {
		return
	}
	g.rejected.reject("too many connections", slog.String("who", out.RemoteAddr().String()))
	out.Close()
}

// makeRoomLocked reports whether there is a place for a connection of a role, and
// removes another one that has to go for it, if any.
func (g *gate) makeRoomLocked(in *peerConn, role Role) (out *peerConn, ok bool) {
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

// maxViewers is how many connections may be those of viewers: some are left for
// operators, who are unknown when they connect.
func (g *gate) maxViewers() int { return viewerShare(g.settings.MaxConnections) }

// withoutReserve is how many of n places are not kept for operators.
func viewerShare(n int) int { return max(n-max(n/8, 1), 1) }

func (g *gate) viewersLocked() (n int) {
	for _, guest := range g.conns {
		if guest.role == Viewer {
			n++
		}
	}
	return n
}

// unknownLocked returns the oldest of the unknown connections that come from
// where the most do, so that a crowd from one place makes room for itself.
func (g *gate) unknownLocked(in *peerConn) *peerConn {
	crowd := map[netip.Prefix]int{originOf(in): 1}
	for _, guest := range g.conns {
		if guest.role == 0 {
			crowd[originOf(guest)]++
		}
	}
	var found *peerConn
	for _, guest := range g.conns {
		if guest.role == 0 && (found == nil || crowd[originOf(guest)] > crowd[originOf(found)]) {
			found = guest
		}
	}
	return found
}

// idleLocked returns the oldest connection of a role that has no request.
func (g *gate) idleLocked(role Role) *peerConn {
	for _, guest := range g.conns {
		if guest.role == role && guest.requests == 0 {
			return guest
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

// originOf returns the network that a connection is from, as far as one machine
// can choose its address; the zero Prefix if it is not from a network.
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

// begin notes a request. It returns false if the connection has lost its place
// meanwhile, and so cannot be answered.
func (c *peerConn) begin() bool {
	if c.gate == nil {
		return true
	}
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.requests++
	return !c.evicted
}

// end notes that a request is over.
func (c *peerConn) end() {
	if c.gate == nil {
		return
	}
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.requests--
}

// show calls [gate.show].
func (c *peerConn) setRole(role Role) bool { return c.gate == nil || c.gate.setRole(c, role) }

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
