package remote

import (
	"context"
	"fmt"
	"net"
)

// listen opens the listener of a server.
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
		return nil, fmt.Errorf("resolves to %v, which is not a loopback address: use 127.0.0.1, or TLS", tcp.IP)
	}
	return l, nil
}
