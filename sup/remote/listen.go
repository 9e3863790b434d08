package remote

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"sync"
	"time"
)

// listen begins to listen where the settings say.
func (s *settings) listen(ctx context.Context) (net.Listener, error) {
	switch {
	case s.Listener != nil:
		return s.Listener, nil
	case s.socket != "":
		return listenUnix(ctx, s.socket, s.Mode)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", s.Address)
	if err != nil {
		return nil, err
	}
	if tcp, ok := l.Addr().(*net.TCPAddr); ok && s.TLS == nil && !tcp.IP.IsLoopback() {
		l.Close()
		return nil, errors.New(s.Address + " is not on a loopback interface, for all its name: use 127.0.0.1, or TLS")
	}
	return l, nil
}

// A gate is a listener that lets in a bounded number of connections. The rest
// are closed at once: who waited could not tell a full server from a dead one.
type gate struct {
	net.Listener
	settings  *settings
	turned    *occasional
	places    chan struct{}
	strangers chan struct{} // places of processes that no grant covers
}

func newGate(l net.Listener, s *settings, turned *occasional) *gate {
	return &gate{l, s, turned, make(chan struct{}, s.MaxConnections), make(chan struct{}, maxStrangers)}
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
	stranger bool     // no grant covers it
	leave    func()
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
	var from *process
	if u, ok := c.(*net.UnixConn); ok {
		p, err := processOf(u)
		if err != nil {
			g.turned.log("no credentials", slog.Any("err", err))
			return nil
		}
		if _, r := access(g.settings.Access, &peer{process: p}); r == 0 {
			g.turned.log("no access", slog.String("who", p.String()))
			return g.admitStranger(c, p)
		}
		from = p
	}
	select {
	case g.places <- struct{}{}:
	default:
		g.turned.log("too many connections", slog.String("who", c.RemoteAddr().String()))
		return nil
	}
	return &guest{c, from, false, sync.OnceFunc(func() { <-g.places })}
}

func (g *gate) admitStranger(c net.Conn, from *process) *guest {
	select {
	case g.strangers <- struct{}{}:
	default:
		return nil
	}
	stranger := &guest{c, from, true, sync.OnceFunc(func() { <-g.strangers })}
	time.AfterFunc(strangerTime, func() { stranger.Close() })
	return stranger
}

func (c *guest) Close() error {
	err := c.Conn.Close()
	c.leave()
	return err
}

// An occasional logger says at most once a second why somebody was turned
// away, and how many others were: who knocks does not fill the log.
type occasional struct {
	logger *slog.Logger
	mu     sync.Mutex
	last   time.Time
	missed int
}

func (o *occasional) log(why string, attrs ...slog.Attr) {
	now := time.Now()
	o.mu.Lock()
	if now.Sub(o.last) < time.Second {
		o.missed++
		o.mu.Unlock()
		return
	}
	missed := o.missed
	o.last, o.missed = now, 0
	o.mu.Unlock()
	attrs = append(attrs, slog.String("why", why))
	if missed > 0 {
		attrs = append(attrs, slog.Int("others", missed))
	}
	o.logger.LogAttrs(context.Background(), slog.LevelWarn, "turned away", attrs...)
}
