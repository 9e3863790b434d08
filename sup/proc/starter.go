package proc

import (
	"context"
	"runtime"
	"sync"
)

// starter is the goroutine that starts all processes. Linux sends the signal by
// which a process dies with its host when the *thread* that has started it
// ends, and not only when the program does. So this goroutine keeps its thread,
// and neither ever ends. It is also the thread that may set limits, see
// [startLimited].
var starter struct {
	once     sync.Once
	requests chan startRequest
}

type startRequest struct {
	start func() error
	err   chan<- error // has room
}

// startOnThread has the starter call a function. ctx bounds the wait for its
// turn.
func startOnThread(ctx context.Context, start func() error) error {
	starter.once.Do(func() {
		starter.requests = make(chan startRequest)
		go func() {
			runtime.LockOSThread()
			for r := range starter.requests {
				r.err <- r.start()
			}
		}()
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err := make(chan error, 1)
	select {
	case starter.requests <- startRequest{start, err}:
		return <-err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
