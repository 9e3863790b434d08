package debug

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/espalier-go/espalier/internal/termtext"
)

// maxName limits a text of a request in a record or an error, in bytes.
const maxName = 256

// A throttle allows one record a second for each reason, so that a flood of denied requests
// neither fills the log nor hides those denied for another reason.
type throttle struct {
	mu   sync.Mutex
	last map[string]lastRecord // by reason, of which there are few; guarded by mu
}

type lastRecord struct {
	at         time.Time
	suppressed int // records since then
}

// allow reports whether a record may be logged, and how many of its reason were
// suppressed before it.
func (t *throttle) allow(reason string, now time.Time) (suppressed int, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last, found := t.last[reason]
	if found && now.Sub(last.at) < time.Second {
		last.suppressed++
		t.last[reason] = last
		return 0, false
	}
	if t.last == nil {
		t.last = make(map[string]lastRecord)
	}
	t.last[reason] = lastRecord{at: now}
	return last.suppressed, true
}

// logDenied logs that a request was denied, at most once a second for each reason.
func (h *handler) logDenied(r *http.Request, reason string, attrs ...slog.Attr) {
	suppressed, ok := h.throttle.allow(reason, time.Now())
	if !ok {
		return
	}
	all := append([]slog.Attr{
		slog.String("reason", reason), clientAttr(r),
		slog.String("method", logText(r.Method)), slog.String("endpoint", logText(lastSegment(r.URL.Path))),
	}, attrs...)
	if path := r.URL.Query().Get("path"); path != "" {
		all = append(all, slog.String("path", logPath(path)))
	}
	if suppressed > 0 {
		all = append(all, slog.Int("suppressed", suppressed))
	}
	h.log(slog.LevelWarn, "client rejected", all...)
}

func (h *handler) log(level slog.Level, message string, attrs ...slog.Attr) {
	logger := h.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(context.Background(), level, message, attrs...)
}

func clientAttr(r *http.Request) slog.Attr { return slog.String("client", logText(r.RemoteAddr)) }

// logText returns a text of a request for a record.
func logText(text string) string { return termtext.Line(clip(text, maxName)) }

// logPath returns a path of a request for a record.
func logPath(path string) string { return termtext.Path(clip(path, maxName)) }
