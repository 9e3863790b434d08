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
