package proc

import (
	"context"
	"runtime"
	"sync"
)

// A starter is a goroutine that starts processes. Linux sends the signal by
// which a process dies with its host when the *thread* that has started it
// ends, and not only when the program does. So this goroutine keeps its thread,
// and neither ever ends. It is also the thread that may set limits, see
// [startLimited].
type starter struct {
	prepare  func() error // changes the thread before the first start; nil if that needs nothing
	once     sync.Once
	requests chan startRequest
}

type startRequest struct {
	start func() error
	err   chan<- error // has room
}

// startOnThread has the starter call a function. ctx bounds the wait for its
// turn.
func (s *starter) startOnThread(ctx context.Context, start func() error) error {
	s.once.Do(func() {
		s.requests = make(chan startRequest)
		go s.run()
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err := make(chan error, 1)
	select {
	case s.requests <- startRequest{start, err}:
		return <-err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (s *starter) run() {
	runtime.LockOSThread()
	if s.prepare != nil && onMainThread() {
		// What /proc shows of the program is that of its main thread, so another
		// one must be changed. As long as this one is locked, the next goroutine
		// does not get it.
		locked := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(locked)
			s.serve()
		}()
		<-locked
		runtime.UnlockOSThread()
		return
	}
	s.serve()
}

func (s *starter) serve() {
	prepared := s.prepare == nil
	for r := range s.requests {
		if !prepared {
			if err := s.prepare(); err != nil {
				r.err <- err
				continue
			}
			prepared = true
		}
		r.err <- r.start()
	}
}
