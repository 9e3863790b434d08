package replay

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/suptest"
)

// A script makes the workers of a tree behave as a scenario says. It wraps their
// starts, so that workers may have any type.
type script struct {
	t    testing.TB
	root string // the path of the tree
	find func(path string) *scenario.Child

	mu       sync.Mutex
	attempts map[string]int                   // to start, by path
	added    map[string]scenario.WorkerFaults // of the children added last, by path
	released chan struct{}                    // closed by release
}

// newScript returns a script that has wrapped the starts of f.
func newScript(t testing.TB, f *suptest.Faults, root string, find func(path string) *scenario.Child) *script {
	s := &script{
		t: t, root: root, find: find,
		attempts: make(map[string]int), added: make(map[string]scenario.WorkerFaults), released: make(chan struct{}),
	}
	f.WrapStarts(s.start)
	return s
}

// begin counts an attempt to start the worker at a path.
func (s *script) begin(path string) (f scenario.WorkerFaults, attempt int) {
	at := scenario.Field(strings.TrimPrefix(path, s.root+"/"))
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts[at]++
	f, added := s.added[at]
	if !added {
		if c := s.find(at); c != nil {
			f = c.Faults
		}
	}
	return f, s.attempts[at]
}

// start is called in place of each start.
func (s *script) start(ctx context.Context, start func() error) error {
	f, n := s.begin(sup.Path(ctx))
	if f.HangAt(n) {
		select {
		case <-ctx.Done():
		case <-s.t.Context().Done():
		}
		return ctx.Err()
	}
	if f.Slow > 0 && !s.pause(ctx, f.Slow) {
		return ctx.Err()
	}
	if how := f.FailAt(n); how != "" {
		return misbehave(how)
	}
	if err := start(); err != nil {
		return err
	}
	if f.Stop == 0 && !f.IgnoresStop && !f.Badly {
		return nil
	}
	s.mu.Lock()
	released := s.released
	s.mu.Unlock()
	// The error says that the incarnation has ended, and cannot stop badly any more.
	_ = sup.Go(ctx, func(ctx context.Context) error {
		<-ctx.Done()
		if stop, ok := errors.AsType[*sup.StopError](context.Cause(ctx)); !ok || stop.Reason == sup.ReasonReturn {
			return nil // the worker ends by itself
		}
		if f.IgnoresStop {
			select {
			case <-released:
			case <-s.t.Context().Done():
			}
		}
		s.pause(context.Background(), f.Stop)
		if f.Badly {
			return errScripted
		}
		return nil
	})
	return nil
}

// release releases the workers that ignore their stop.
func (s *script) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.released)
	s.released = make(chan struct{})
}

// add sets the faults of a child that is added.
func (s *script) add(path string, f scenario.WorkerFaults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.added[path] = f
}

// pause waits for d, or less if the body of the test returns. It reports false if ctx
// is done first.
func (s *script) pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.t.Context().Done():
	case <-ctx.Done():
		return false
	}
	return true
}
