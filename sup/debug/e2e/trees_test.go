package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
)

// A worker runs until its context ends or it receives an error.
type worker struct{ fail chan error }

func (w *worker) Run(ctx context.Context) error {
	select {
	case err := <-w.fail:
		if err == errPanic {
			panic("index out of range [7] with length 3")
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func newWorker(context.Context) (*worker, error) { return &worker{make(chan error, 1)}, nil }

var (
	errRefused = errors.New("dial tcp 10.1.0.7:5671: connect: connection refused")
	errPanic   = errors.New("panic")
)

// shop declares a tree of workers and a nested supervisor.
func shop() sup.Spec[sup.Worker] {
	start := func(ctx context.Context) (sup.Worker, error) { return newWorker(ctx) }
	return sup.Spec[sup.Worker]{
		Name: "shop", Strategy: sup.RestForOne, Labels: true, Intensity: sup.Intensity{Restarts: 8},
		Children: []sup.ChildSpec[sup.Worker]{
			{ID: "database", Start: start},
			{ID: "cache", Start: start},
			{ID: "search", Start: start},
			{ID: "plugins", Start: func(context.Context) (sup.Worker, error) {
				return sup.New(sup.Spec[sup.Worker]{Intensity: sup.Intensity{Restarts: 5}, Children: []sup.ChildSpec[sup.Worker]{
					{ID: "resize", Start: start},
					{ID: "thumbnail", Start: start, Budget: sup.Intensity{Restarts: 2}},
					{ID: "watermark", Start: start, Restart: sup.Transient},
				}}), nil
			}},
		},
	}
}

// started fails the test if a tree did not start, and shuts the tree down with the test.
func started(t *testing.T, s interface{ Shutdown(context.Context) error }, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// needBrowser skips a test if no browser is given.
func needBrowser(t *testing.T) {
	t.Helper()
	if browser == nil {
		t.Skip("needs a browser: use make e2e")
	}
}

// allowAll authorizes every call.
func allowAll(*http.Request) error { return nil }

// startShop starts a shop with a page that has buttons.
func startShop(t *testing.T, options ...debug.Option) (*sup.Supervisor[sup.Worker], http.Handler) {
	t.Helper()
	needBrowser(t)
	s, err := sup.Start(context.Background(), shop())
	started(t, s, err)
	options = append(options, debug.Operator(sup.Control(s), allowAll))
	return s, debug.Handler(sup.Inspect(s), options...)
}

// plugin returns a handle to a child of the inner supervisor.
func plugin(t *testing.T, s *sup.Supervisor[sup.Worker], id string) sup.Child[sup.Worker] {
	t.Helper()
	inner, err := s.Child("plugins").Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return inner.(*sup.Supervisor[sup.Worker]).Child(id)
}

// crash makes a running child fail, and waits until it runs again or is at rest.
func crash(t *testing.T, c sup.Child[sup.Worker], err error) {
	t.Helper()
	w, waitErr := c.Wait(t.Context())
	if waitErr != nil {
		t.Fatal(waitErr)
	}
	before, _ := c.Info()
	w.(*worker).fail <- err
	eventually(t, fmt.Sprintf("%s ends", before.ID), func() bool {
		info, _ := c.Info()
		return info.State.AtRest() || info.Incarnation > before.Incarnation && info.State == sup.StateRunning
	})
}

// incarnations returns the incarnations of children.
func incarnations(s *sup.Supervisor[sup.Worker], ids ...string) []int {
	numbers := make([]int, len(ids))
	for i, id := range ids {
		info, _ := s.Child(id).Info()
		numbers[i] = info.Incarnation
	}
	return numbers
}
