package sup_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// fake is a worker whose steps a test can choose. A nil step does what a good worker
// does: it is ready at once, runs until it is asked to stop, and has nothing to clean
// up.
type fake struct {
	initialize func(ctx context.Context) error
	run        func(ctx context.Context) error
	terminate  func(ctx context.Context, exit sup.Exit) error
}

func (f *fake) Initialize(ctx context.Context) error {
	if f.initialize == nil {
		return nil
	}
	return f.initialize(ctx)
}

func (f *fake) Run(ctx context.Context) error {
	if f.run == nil {
		<-ctx.Done()
		return ctx.Err()
	}
	return f.run(ctx)
}

func (f *fake) Terminate(ctx context.Context, exit sup.Exit) error {
	if f.terminate == nil {
		return nil
	}
	return f.terminate(ctx, exit)
}

var errBoom = errors.New("boom")

// controls crash children on command: die[id] <- err ends the Run of id.
type controls map[string]chan error

func (c controls) of(id string) chan error {
	if c[id] == nil {
		c[id] = make(chan error)
	}
	return c[id]
}

// child returns the spec of a good worker that ends with the error sent by die(id,
// err), and writes "start a", "stop a" or "die a" to the trace.
func (c controls) child(tr *trace, id string) sup.ChildSpec[*fake] {
	die := c.of(id)
	return sup.ChildSpec[*fake]{ID: id, Start: func(context.Context) (*fake, error) {
		return &fake{
			initialize: func(context.Context) error { tr.add("start %s", id); return nil },
			run: func(ctx context.Context) error {
				select {
				case err := <-die:
					tr.add("die %s", id)
					return err
				case <-ctx.Done():
					tr.add("stop %s", id)
					return ctx.Err()
				}
			},
		}, nil
	}}
}

// die ends the Run of a child with err and waits until the bubble is idle.
func (c controls) die(id string, err error) {
	c.of(id) <- err
	synctest.Wait()
}

// start starts a spec, and shuts it down when the test ends.
func start[W sup.Worker](t *testing.T, spec sup.Spec[W]) *sup.Supervisor[W] {
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

// expect compares the trace since it was last taken.
func (tr *trace) expect(t *testing.T, want string) {
	t.Helper()
	synctest.Wait()
	if diff := cmp.Diff(want, tr.take()); diff != "" {
		t.Errorf("trace (-want +got):\n%s", diff)
	}
}

// states formats the children of a supervisor as "a running, b stopped".
func states(s interface{ Children() []sup.ChildInfo }) string {
	var all []string
	for _, c := range s.Children() {
		all = append(all, fmt.Sprintf("%s %v", c.ID, c.State))
	}
	return strings.Join(all, ", ")
}

// bubble runs a test in virtual time. A leaked goroutine fails the test.
func bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

// trace holds the lines since it was last taken.
type trace struct {
	mu     sync.Mutex
	events []string
}

func (tr *trace) add(format string, args ...any) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.events = append(tr.events, fmt.Sprintf(format, args...))
}

func (tr *trace) take() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	events := strings.Join(tr.events, ", ")
	tr.events = nil
	return events
}
