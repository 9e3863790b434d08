package debug_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/sup"
)

var (
	errBroke = errors.New("broke")
	errPanic = errors.New("panic instead")
)

// A bidder runs until its context ends or it receives an error.
type bidder struct{ fail chan error }

func (b *bidder) Run(ctx context.Context) error {
	select {
	case err := <-b.fail:
		if err == errPanic {
			panic("out of bids")
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func newBidder(context.Context) (*bidder, error) { return &bidder{make(chan error, 1)}, nil }

// auction declares a supervisor of two bidders.
func auction() sup.Spec[*bidder] {
	return sup.Spec[*bidder]{Name: "auction", Children: []sup.ChildSpec[*bidder]{
		{ID: "ada", Start: newBidder},
		{ID: "bob", Start: newBidder},
	}}
}

// start starts a supervisor, and shuts it down with the test.
func start(t *testing.T, spec sup.Spec[*bidder]) *sup.Supervisor[*bidder] {
	t.Helper()
	s, err := sup.Start(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// lastEvent returns the number of the last event of a tree.
func lastEvent(t *testing.T, s sup.AnySupervisor) uint64 {
	t.Helper()
	status, err := sup.Inspect(s).Status(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return status.Seq
}

// recorded returns the events of a tree that are recorded.
func recorded(s sup.AnySupervisor) (events []sup.Event) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for e, err := range sup.Inspect(s).Events(ended, "", 0) {
		if err == nil {
			events = append(events, e)
		}
	}
	return events
}

// crash makes a child fail, and waits until it is ready again.
func crash(t *testing.T, s *sup.Supervisor[*bidder], id string) {
	t.Helper()
	before := lastEvent(t, s)
	b, err := s.Child(id).Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.fail <- errBroke
	for e := range sup.Inspect(s).Events(t.Context(), "", before) {
		if e.ID == id && e.Kind == sup.ChildReady {
			return
		}
	}
	t.Fatal("supervisor ended")
}

// get sends a GET to a handler, and returns the answer.
func get(h http.Handler, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request(http.MethodGet, target, nil))
	return w
}

// request returns a request to localhost.
func request(method, target string, body io.Reader) *http.Request {
	r := httptest.NewRequest(method, target, body)
	r.Host = "localhost:8080"
	return r
}

// mustContain fails unless a text contains all others.
func mustContain(t *testing.T, text string, others ...string) {
	t.Helper()
	for _, other := range others {
		if !strings.Contains(text, other) {
			t.Errorf("missing %q in\n%s", other, text)
		}
	}
}
