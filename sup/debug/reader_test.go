package debug_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A reader is a client of a stream in a bubble.
type reader struct {
	header http.Header
	ended  chan struct{}
	cancel context.CancelFunc

	mu     sync.Mutex // guards the fields below
	text   bytes.Buffer
	writes []time.Time
}

func (r *reader) Header() http.Header { return r.header }
func (r *reader) WriteHeader(int)     {}
func (r *reader) Flush()              {}
func (r *reader) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if bytes.HasPrefix(b, []byte("id:")) || bytes.HasPrefix(b, []byte("data:")) {
		r.writes = append(r.writes, time.Now())
	}
	return r.text.Write(b)
}

// read opens a stream. If after is not empty, it is the Last-Event-ID.
func read(t *testing.T, h http.Handler, target, after string) *reader {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r := &reader{header: make(http.Header), ended: make(chan struct{}), cancel: cancel}
	request := request(http.MethodGet, target, nil).WithContext(ctx)
	if after != "" {
		request.Header.Set("Last-Event-ID", after)
	}
	go func() {
		defer close(r.ended)
		h.ServeHTTP(r, request)
	}()
	return r
}

// close closes the connection, and waits for the handler.
func (r *reader) close() {
	r.cancel()
	<-r.ended
}

// A message has the fields of a message that tests compare.
type message struct {
	ID      string `json:"-"`
	Session *struct{ Epoch string }
	Error   string
	Skipped bool
	Backlog bool
	Gone    []string
	Rows    []struct {
		Path, State, Exit, Error string
		Incarnation              int
		Sup                      struct{ Window struct{ Used int } }
	}
	Events []struct {
		Seq                            uint64
		Kind, Path, Exit, Error, Stack string
		Incarnation                    int
		Exhausted                      bool
	}
	Changes []struct {
		Key, Value string
		Present    bool
		Count      int
	}
}

// messages returns all messages so far, once the bubble is idle.
func (r *reader) messages(t *testing.T) []message {
	t.Helper()
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []message
	for paragraph := range strings.SplitSeq(r.text.String(), "\n\n") {
		var m message
		for line := range strings.SplitSeq(paragraph, "\n") {
			if id, ok := strings.CutPrefix(line, "id: "); ok {
				m.ID = id
			}
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				if err := json.Unmarshal([]byte(data), &m); err != nil {
					t.Fatalf("%v: %s", err, data)
				}
				all = append(all, m)
			}
		}
	}
	return all
}

// kinds returns the events of messages, as "kind path", and their sequence numbers.
func kinds(messages []message) (kinds []string, seqs []uint64) {
	for _, m := range messages {
		for _, e := range m.Events {
			kinds = append(kinds, e.Kind+" "+e.Path)
			seqs = append(seqs, e.Seq)
		}
	}
	return kinds, seqs
}

// state returns the state of a child after all messages.
func state(messages []message, path string) string {
	state := ""
	for _, m := range messages {
		for _, r := range m.Rows {
			if r.Path == path {
				state = r.State
			}
		}
	}
	return state
}
