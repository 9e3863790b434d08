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

// An occasional logger logs at most once a second, after a first few records, and
// how many others there were: a client that is turned away does not fill the log.
type throttledLog struct {
	logger *slog.Logger
	burst  int // records that need not wait for each other; 0 means 1

	mu         sync.Mutex
	settled    time.Time // when the burst is whole again
	suppressed int       // since the last record
}

// log logs why a client is turned away.
func (o *throttledLog) reject(why string, attrs ...slog.Attr) {
	o.record("turned away", append(attrs, slog.String("why", why)))
}

func (o *throttledLog) record(message string, attrs []slog.Attr) {
	now := time.Now()
	o.mu.Lock()
	if o.settled.Before(now) {
		o.settled = now
	}
	if o.settled.Sub(now) > time.Duration(max(o.burst, 1)-1)*time.Second {
		o.suppressed++
		o.mu.Unlock()
		return
	}
	missed := o.suppressed
	o.settled, o.suppressed = o.settled.Add(time.Second), 0
	o.mu.Unlock()
	if missed > 0 {
		attrs = append(attrs, slog.Int("others", missed))
	}
	o.logger.LogAttrs(context.Background(), slog.LevelWarn, message, attrs...)
}
