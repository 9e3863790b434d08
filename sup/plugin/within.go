package plugin

import (
	"context"
	"sync"
	"time"

	"github.com/espalier-go/espalier/internal/late"
)

// within returns a context that ends with a cause when a time is over. The time
// is extended once if the program was stopped meanwhile, by SIGSTOP or because the
// machine was suspended: a plugin that has had no chance to answer is not late.
// The context has no deadline of its own, since nobody can tell it.
func within(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	begun, limit := time.Now(), late.Begin(0, d)
	var mu sync.Mutex // orders the timer's first firing behind its assignment
	mu.Lock()
	defer mu.Unlock()
	var timer *time.Timer
	timer = time.AfterFunc(limit.Next(0), func() {
		mu.Lock()
		defer mu.Unlock()
		if wait := limit.Next(time.Since(begun)); wait > 0 && ctx.Err() == nil {
			timer.Reset(wait)
			return
		}
		cancel(cause)
	})
	return ctx, func() {
		timer.Stop() // one that has just been set again finds ctx ended
		cancel(nil)
	}
}
