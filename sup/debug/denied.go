package debug

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/espalier-go/espalier/internal/termtext"
)

// maxName bounds a text of a request in a record or an error, in bytes.
const maxName = 256

// A throttle lets one record a second pass for each reason, so that a flood of one
// kind does not hide another.
type throttle struct {
	mu   sync.Mutex
	last map[string]passed // by reason, of which there are few; guarded by mu
}

type passed struct {
	at     time.Time
	missed int // since then
}

// pass reports whether a record may be logged, and how many were not before it.
func (t *throttle) pass(why string, now time.Time) (missed int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, found := t.last[why]
	if found && now.Sub(last.at) < time.Second {
		last.missed++
		t.last[why] = last
		return 0, false
	}
	if t.last == nil {
		t.last = make(map[string]passed)
	}
	t.last[why] = passed{at: now}
	return last.missed, true
}

// denied logs that a request was refused, at most once a second for each reason.
func (h *handler) denied(r *http.Request, why string, attrs ...slog.Attr) {
	missed, ok := h.throttle.pass(why, time.Now())
	if !ok {
		return
	}
	all := append([]slog.Attr{
		slog.String("why", why), peerAttr(r),
		slog.String("method", logText(r.Method)), slog.String("page", logText(lastSegment(r.URL.Path))),
	}, attrs...)
	if path := r.URL.Query().Get("path"); path != "" {
		all = append(all, slog.String("path", logPath(path)))
	}
	if missed > 0 {
		all = append(all, slog.Int("others", missed))
	}
	h.log(slog.LevelWarn, "turned away", all...)
}

func (h *handler) log(level slog.Level, message string, attrs ...slog.Attr) {
	logger := h.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(context.Background(), level, message, attrs...)
}

func peerAttr(r *http.Request) slog.Attr { return slog.String("who", logText(r.RemoteAddr)) }

// logText returns a text of a request for a record.
func logText(text string) string { return termtext.Line(clip(text, maxName)) }

// logPath returns a path of a request for a record.
func logPath(path string) string { return termtext.Path(clip(path, maxName)) }

// attrs describe an order in a record; none if it could not be read.
func (o order) attrs() []slog.Attr {
	if o.Op == "" && o.Path == "" {
		return nil
	}
	attrs := []slog.Attr{slog.String("op", logText(o.Op)), slog.String("path", logPath(o.Path))}
	if o.Incarnation != nil {
		attrs = append(attrs, slog.Int("incarnation", *o.Incarnation))
	}
	return attrs
}
