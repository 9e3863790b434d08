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

// A bidder runs until it is told to stop, or until it breaks.
type bidder struct{ ill chan error }

func (b *bidder) Run(ctx context.Context) error {
	select {
	case err := <-b.ill:
		if err == errPanic {
			panic("out of bids")
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func newBidder(context.Context) (*bidder, error) { return &bidder{make(chan error, 1)}, nil }

// auction declares a supervisor of two.
func auction() sup.Spec[*bidder] {
	return sup.Spec[*bidder]{Name: "auction", Children: []sup.ChildSpec[*bidder]{
		{ID: "ada", Start: newBidder},
		{ID: "bob", Start: newBidder},
	}}
}

// start starts a supervisor that ends with the test.
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

// crash breaks a child, and returns when it has been ready again.
func crash(t *testing.T, s *sup.Supervisor[*bidder], id string) {
	t.Helper()
	events := s.Subscribe(64)
	defer events.Close()
	b, err := s.Child(id).Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.ill <- errBroke
	for e := range events.All(t.Context()) {
		if e.ID == id && e.Kind == sup.ChildReady {
			return
		}
	}
	t.Fatal("the supervisor has ended")
}

// get asks a handler, and returns its answer.
func get(h http.Handler, target string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request(http.MethodGet, target, nil))
	return w
}

// request is one to this machine.
func request(method, target string, body io.Reader) *http.Request {
	r := httptest.NewRequest(method, target, body)
	r.Host = "localhost:8080"
	return r
}

// mustContain fails where a text does not contain each of others.
func mustContain(t *testing.T, text string, others ...string) {
	t.Helper()
	for _, other := range others {
		if !strings.Contains(text, other) {
			t.Errorf("there is no %q in\n%s", other, text)
		}
	}
}
