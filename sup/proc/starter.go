package proc

import (
	"context"
	"runtime"
	"sync"
)

// checkThread checks Nice and Umask, which a process inherits from the thread that
// starts it.
func (c Command) checkThread(f *faults) {
	if c.Nice < -20 || c.Nice > 19 {
		f.add("Nice", "%d is out of range: use -20 to 19, and 0 for the value of the host", c.Nice)
	}
	if c.Umask != nil && *c.Umask&^0o777 != 0 {
		f.add("Umask", "%#o is not a mask of permissions: use 0 to 0777", uint32(*c.Umask))
	}
}

// A starter is a goroutine that starts processes on a thread of its own. Neither of
// them ever ends: on Linux, a process that dies with its host gets its signal when
// the thread that has started it ends, not only when the host ends. This is also
// the thread that may set limits, see [startLimited].
type starter struct {
	prepare  func() error // changes the thread before the first start; may be nil
	once     sync.Once
	requests chan startRequest
}

type startRequest struct {
	start func() error
	err   chan<- error // buffered
}

// call calls a function on the thread of the starter. ctx bounds the wait for other
// calls.
func (s *starter) call(ctx context.Context, start func() error) error {
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
		// The main thread must not change, because /proc shows its attributes as those
		// of the program. As long as this goroutine holds the main thread, the next one
		// gets another thread.
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
