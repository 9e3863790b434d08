package debug_test

import (
	"context"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"unicode"
)

// A site is a server of a handler and a client of it.
type site struct {
	URL    string
	client *http.Client
}

// open serves a handler.
func open(t *testing.T, h http.Handler) site {
	t.Helper()
	server := httptest.NewServer(mounted(h))
	t.Cleanup(server.Close)
	return site{server.URL, server.Client()}
}

// openWithin serves a handler in a bubble.
func openWithin(t *testing.T, h http.Handler) site {
	t.Helper()
	client, url, end := serve(t, mounted(h), false)
	t.Cleanup(end)
	return site{url, client}
}

// mounted mounts a handler at /debug/sup/. A request with an X-Peer gets that remote
// address.
func mounted(h http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/debug/sup/", h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if peer := r.Header.Get("X-Peer"); peer != "" {
			r.RemoteAddr = peer
		}
		mux.ServeHTTP(w, r)
	})
}

// mustBeMade fails unless a call is done or in progress.
func mustBeMade(t *testing.T, a answer) {
	t.Helper()
	if a.status != http.StatusOK && a.status != http.StatusAccepted {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// An answer is the answer of a server; the body of a stream is left out.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request, and returns the whole answer.
func (s site) ask(t *testing.T, method, target, body string, change ...func(r *http.Request)) answer {
	t.Helper()
	response := s.begin(t, t.Context(), method, target, body, change...)
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return answer{response.StatusCode, response.Header, string(b)}
}

// begin sends a request, and returns the beginning of the answer.
func (s site) begin(t *testing.T, ctx context.Context, method, target, body string, change ...func(r *http.Request)) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, method, s.URL+"/debug/sup/"+target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range change {
		f(r)
	}
	response, err := s.client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", method, target, err)
	}
	return response
}

// head returns the beginning of a stream, up to a text.
func (s site) head(t *testing.T, target, upTo string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	response := s.begin(t, ctx, http.MethodGet, target, "")
	defer response.Body.Close()
	var text strings.Builder
	part := make([]byte, 4096)
	for !strings.Contains(text.String(), upTo) {
		n, err := response.Body.Read(part)
		text.Write(part[:n])
		if err != nil {
			t.Fatalf("%s: %v after %q", target, err, text.String())
		}
	}
	return text.String()
}

func host(name string) func(r *http.Request) { return func(r *http.Request) { r.Host = name } }

// from sets the remote address of a request.
func from(peer string) func(r *http.Request) { return with("X-Peer", peer) }

// A logbook keeps the records of a logger.
type logbook struct {
	mu      sync.Mutex
	records []map[string]string // guarded by mu
}

func (l *logbook) Enabled(context.Context, slog.Level) bool { return true }
func (l *logbook) WithAttrs([]slog.Attr) slog.Handler       { panic("not used") }
func (l *logbook) WithGroup(string) slog.Handler            { panic("not used") }
func (l *logbook) Handle(_ context.Context, r slog.Record) error {
	record := map[string]string{"level": r.Level.String(), "message": r.Message}
	r.Attrs(func(a slog.Attr) bool {
		record[a.Key] = a.Value.String()
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, record)
	return nil
}

// take returns the records so far, without their times.
func (l *logbook) take() []map[string]string {
	l.mu.Lock()
	defer l.mu.Unlock()
	records := l.records
	l.records = nil
	for _, r := range records {
		maps.DeleteFunc(r, func(key, _ string) bool { return key == "took" })
	}
	return records
}

// mustBePrintable fails if a text has terminal controls.
func mustBePrintable(t *testing.T, of, text string) {
	t.Helper()
	if i := strings.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
		t.Errorf("%s has %q at byte %d: %.200q", of, []rune(text[i:])[0], i, text[max(0, i-50):])
	}
}
