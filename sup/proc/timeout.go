package proc

import (
	"context"
	"sync"
	"time"

	"github.com/espalier-go/espalier/internal/late"
)

// withTimeout returns a context that ends with the given cause after a timeout. The
// returned function ends the context without the cause, and must be called.
//
// The timeout is extended once if the whole program was stopped meanwhile, for
// example by docker pause: the process that it bounds has hardly run either.
func withTimeout(ctx context.Context, timeout time.Duration, cause error) (context.Context, func()) {
	bounded, cancel := context.WithCancelCause(ctx)
	begun := time.Now()
	limit := late.Begin(0, timeout)
	var mu sync.Mutex // guards limit and timer
	var timer *time.Timer
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(limit.Next(0), func() {
		mu.Lock()
		defer mu.Unlock()
		if bounded.Err() != nil {
			return
		}
		if wait := limit.Next(time.Since(begun)); wait > 0 {
			timer.Reset(wait)
			return
		}
		cancel(cause)
	})
	return bounded, func() {
		cancel(nil)
		mu.Lock()
		defer mu.Unlock()
		timer.Stop()
	}
}

// sleep waits for a duration, extended like that of withTimeout, and reports
// whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	bounded, end := withTimeout(ctx, d, nil)
	defer end()
	<-bounded.Done()
	return ctx.Err() == nil
}
