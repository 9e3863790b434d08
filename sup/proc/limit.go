package proc

import (
	"context"
	"sync"
	"time"

	"github.com/espalier-go/espalier/internal/late"
)

// withLimit returns a context that ends with a cause after some time. The time is
// extended once if the whole program was stopped meanwhile, by docker pause say:
// then the process that it bounds has hardly run either. The returned function
// ends the context without the cause, and must be called.
func withLimit(ctx context.Context, length time.Duration, cause error) (context.Context, func()) {
	limited, cancel := context.WithCancelCause(ctx)
	begun := time.Now()
	limit := late.Begin(0, length)
	var mu sync.Mutex // protects limit and timer
	var timer *time.Timer
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(limit.Next(0), func() {
		mu.Lock()
		defer mu.Unlock()
		if limited.Err() != nil {
			return
		}
		if wait := limit.Next(time.Since(begun)); wait > 0 {
			timer.Reset(wait)
			return
		}
		cancel(cause)
	})
	return limited, func() {
		cancel(nil)
		mu.Lock()
		defer mu.Unlock()
		timer.Stop()
	}
}

// waitInterval waits for some time, which is extended as that of withLimit, and
// reports whether ctx goes on.
func waitInterval(ctx context.Context, length time.Duration) bool {
	limited, end := withLimit(ctx, length, nil)
	defer end()
	<-limited.Done()
	return ctx.Err() == nil
}
