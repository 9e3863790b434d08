package remote

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// A throttledLog logs one record a second after an initial burst, and the number of
// records that it suppressed. Rejected clients cannot fill the log.
type throttledLog struct {
	logger *slog.Logger
	burst  int // records without a wait; 0 means 1

	mu         sync.Mutex
	settled    time.Time // when the whole burst is available again
	suppressed int       // since the last record
}

// reject logs why a client was rejected.
func (l *throttledLog) reject(reason string, attrs ...slog.Attr) {
	l.record("client rejected", append(attrs, slog.String("reason", reason)))
}

func (l *throttledLog) record(message string, attrs []slog.Attr) {
	now := time.Now()
	l.mu.Lock()
	if l.settled.Before(now) {
		l.settled = now
	}
	if l.settled.Sub(now) > time.Duration(max(l.burst, 1)-1)*time.Second {
		l.suppressed++
		l.mu.Unlock()
		return
	}
	suppressed := l.suppressed
	l.settled, l.suppressed = l.settled.Add(time.Second), 0
	// The handler of the logger may block, so it is called without mu.
	l.mu.Unlock()
	if suppressed > 0 {
		attrs = append(attrs, slog.Int("suppressed", suppressed))
	}
	l.logger.LogAttrs(context.Background(), slog.LevelWarn, message, attrs...)
}
