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
	settings  *settings
	turned    *occasional
	strangers chan struct{} // places of processes that no grant covers

	mu     sync.Mutex
	guests []*guest // in the order in which they came; without strangers
}

func newGate(l net.Listener, s *settings, turned *occasional) *gate {
	return &gate{Listener: l, settings: s, turned: turned, strangers: make(chan struct{}, maxStrangers)}
}

// A process that no grant covers gets in only to be told so, in a time that is
// enough for a request. It takes no place from others.
const (
	maxStrangers = 8
	strangerTime = 2 * time.Second
)

// A guest is a connection that a gate has let in.
type guest struct {
	net.Conn
	process  *process // at the other end of a unix socket
	stranger bool     // no grant covers the process
	gate     *gate    // nil for a stranger
	leave    func()
	expiry   *time.Timer // closes a connection that stays unknown; nil if the process is known

	// Guarded by gate.mu.
	role Role // the highest that the process or a request has shown; 0 while unknown
	busy int  // requests under way
	gone bool // another one has the place
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

func (g *gate) admit(c net.Conn) *guest {
	in := &guest{Conn: c, gate: g}
	if u, ok := c.(*net.UnixConn); ok {
		p, err := processOf(u)
		if err != nil {
			g.turned.log("no credentials", slog.Any("err", err))
			return nil
		}
		_, in.role = access(g.settings.Access, &peer{process: p})
		if in.role == 0 {
			g.turned.log("no access", slog.String("who", p.String()))
			return g.admitStranger(c, p)
		}
		in.process = p
	}
	in.leave = sync.OnceFunc(func() { g.remove(in) })
	if in.role == 0 {
		// For a handshake and a header. Over HTTP/2 a connection without a request
		// would have the time of an idle one.
		in.expiry = time.AfterFunc(2*g.settings.HeaderTimeout, func() {
			if g.isUnknown(in) {
				in.Close()
			}
		})
	}
	if !g.enter(in) {
		in.stopExpiry()
		g.turned.log("too many connections", slog.String("who", c.RemoteAddr().String()))
		return nil
	}
	return in
}

func (g *gate) admitStranger(c net.Conn, from *process) *guest {
	select {
	case g.strangers <- struct{}{}:
	default:
		return nil
	}
	stranger := &guest{Conn: c, process: from, stranger: true, leave: sync.OnceFunc(func() { <-g.strangers })}
	time.AfterFunc(strangerTime, func() { stranger.Close() })
	return stranger
}

// enter gives a connection a place, that of another one if there is no other.
func (g *gate) enter(in *guest) bool {
	g.mu.Lock()
	if in.gone { // its time is over already
		g.mu.Unlock()
		return false
	}
	out, ok := g.makeRoomLocked(in, in.role)
	if ok {
		g.guests = append(g.guests, in)
	}
	g.mu.Unlock()
	g.dismiss(out)
	return ok
}

// show notes that a request of a connection has shown a role. It returns false if
// there are as many connections of viewers as may be.
func (g *gate) show(in *guest, role Role) bool {
	g.mu.Lock()
	if role <= in.role || in.gone {
		g.mu.Unlock()
		return true
	}
	var out *guest
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
		in.stopExpiry()
	}
	g.dismiss(out)
	return ok
}

// dismiss closes a connection that has lost its place; nil is none.
func (g *gate) dismiss(out *guest) {
	if out == nil {
		return
	}
	g.turned.log("too many connections", slog.String("who", out.RemoteAddr().String()))
	out.Close()
}

// makeRoomLocked reports whether there is a place for a connection of a role, and
// removes another one that has to go for it, if any.
func (g *gate) makeRoomLocked(in *guest, role Role) (out *guest, ok bool) {
	switch {
	case role == Viewer && g.viewersLocked() >= g.maxViewers():
		out = g.idleLocked(Viewer)
	case len(g.guests) < g.settings.MaxConnections:
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
func (g *gate) maxViewers() int { return withoutReserve(g.settings.MaxConnections) }

// withoutReserve is how many of n places are not kept for operators.
func withoutReserve(n int) int { return max(n-max(n/8, 1), 1) }

func (g *gate) viewersLocked() (n int) {
	for _, guest := range g.guests {
		if guest.role == Viewer {
			n++
		}
	}
	return n
}

// unknownLocked returns the oldest of the unknown connections that come from
// where the most do, so that a crowd from one place makes room for itself.
func (g *gate) unknownLocked(in *guest) *guest {
	crowd := map[netip.Prefix]int{originOf(in): 1}
	for _, guest := range g.guests {
		if guest.role == 0 {
			crowd[originOf(guest)]++
		}
	}
	var found *guest
	for _, guest := range g.guests {
		if guest.role == 0 && (found == nil || crowd[originOf(guest)] > crowd[originOf(found)]) {
			found = guest
		}
	}
	return found
}

// idleLocked returns the oldest connection of a role that has no request.
func (g *gate) idleLocked(role Role) *guest {
	for _, guest := range g.guests {
		if guest.role == role && guest.busy == 0 {
			return guest
		}
	}
	return nil
}

func (g *gate) removeLocked(out *guest) {
	if out == nil {
		return
	}
	out.gone = true
	if at := slices.Index(g.guests, out); at >= 0 {
		g.guests = slices.Delete(g.guests, at, at+1)
	}
}

func (g *gate) remove(out *guest) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.removeLocked(out)
}

func (g *gate) isUnknown(in *guest) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return in.role == 0
}

// originOf returns the network that a connection is from, as far as one machine
// can choose its address; the zero Prefix if it is not from a network.
func originOf(c *guest) netip.Prefix {
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
func (c *guest) begin() bool {
	if c.gate == nil {
		return true
	}
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.busy++
	return !c.gone
}

// end notes that a request is over.
func (c *guest) end() {
	if c.gate == nil {
		return
	}
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.busy--
}

// show calls [gate.show].
func (c *guest) show(role Role) bool { return c.gate == nil || c.gate.show(c, role) }

func (c *guest) Close() error {
	err := c.Conn.Close()
	c.stopExpiry()
	c.leave()
	return err
}

func (c *guest) stopExpiry() {
	if c.expiry != nil {
		c.expiry.Stop()
	}
}
