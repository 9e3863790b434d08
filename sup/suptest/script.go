package suptest

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"

	"github.com/espalier-go/espalier/sup"
)

// A script lets the workers of a tree behave as a scenario says. It works
// through [Faults], on workers of any type.
type script struct {
	root string // the path of the tree
	find func(path string) *declared

	mu       sync.Mutex
	attempts map[string]int      // to start, by path
	keys     map[string]misdeeds // of what was added
	released chan struct{}       // closed when those that are deaf may go
}

func newScript(root string, find func(path string) *declared) *script {
	return &script{root: root, find: find, attempts: make(map[string]int), keys: make(map[string]misdeeds), released: make(chan struct{})}
}

// errTold is what workers fail with that are told to.
var errTold = errors.New("told to fail")

// of returns what a worker does, and its path below the root.
func (s *script) of(path string) (m misdeeds, at string) {
	at = fieldOf(strings.TrimPrefix(path, s.root+"/"))
	s.mu.Lock()
	defer s.mu.Unlock()
	if m, ok := s.keys[at]; ok {
		return m, at
	}
	if d := s.find(at); d != nil {
		return d.faults, at
	}
	return misdeeds{}, at
}

// before is called at the beginning of each start.
func (s *script) before(f *Faults, ctx context.Context, path string) error {
	m, at := s.of(path)
	s.mu.Lock()
	s.attempts[at]++
	n := s.attempts[at]
	s.mu.Unlock()
	for _, a := range m.hang {
		if a.has(n) {
			select {
			case <-ctx.Done():
			case <-f.t.Context().Done():
			}
			return ctx.Err()
		}
	}
	if m.slow > 0 && !f.pause(ctx, m.slow) {
		return ctx.Err()
	}
	for _, fails := range m.fails {
		if fails.has(n) {
			return misbehave(fails.how)
		}
	}
	return nil
}

// misbehave ends a worker's function in one of the ways there are.
func misbehave(how string) error {
	switch how {
	case "normal":
		return nil
	case "shutdown":
		return sup.ErrShutdown
	case "canceled":
		return context.Canceled
	case "panic":
		panic(errTold)
	case "goexit":
		runtime.Goexit()
	case "error", "start":
		return errTold
	}
	return errors.New(how)
}

// made is called when a worker has been made.
func (s *script) made(f *Faults, ctx context.Context, path string) {
	m, _ := s.of(path)
	if m.stop == 0 && !m.deaf && !m.badly {
		return
	}
	s.mu.Lock()
	released := s.released
	s.mu.Unlock()
	_ = sup.Go(ctx, func(ctx context.Context) error { // an incarnation that is over cannot misbehave
		<-ctx.Done()
		if stop, ok := errors.AsType[*sup.StopError](context.Cause(ctx)); !ok || stop.Reason == sup.ReasonReturn {
			return nil // it ends by itself
		}
		if m.deaf {
			select {
			case <-released:
			case <-f.t.Context().Done():
			}
		}
		f.pause(context.Background(), m.stop)
		if m.badly {
			return errTold
		}
		return nil
	})
}

// release lets go those that are deaf.
func (s *script) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.released)
	s.released = make(chan struct{})
}

// add notes how a child behaves that is added.
func (s *script) add(path string, m misdeeds) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[path] = m
}
