package plugin

import (
	"context"
	"fmt"
	"sync"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/espalier-go/espalier/internal/late"
	"github.com/espalier-go/espalier/sup"
)

// ping asks the plugin for an answer.
func (in *instance[T]) ping(ctx context.Context) error {
	if client, ok := in.client.(*goplugin.GRPCClient); ok { // its own Ping takes no context
		_, err := grpc_health_v1.NewHealthClient(client.Conn).Check(ctx,
			&grpc_health_v1.HealthCheckRequest{Service: goplugin.GRPCServiceName})
		return err
	}
	answer := make(chan error, 1)
	if !in.tryGo(func() { answer <- in.client.Ping() }) {
		return ErrUnreachable
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// watchLiveness kills a plugin that does not answer.
func (in *instance[T]) watchLiveness() {
	l := in.spec.Liveness
	ticker := time.NewTicker(l.Interval)
	defer ticker.Stop()
	for failures := 0; ; {
		select {
		case <-in.exited:
			return
		case <-ticker.C:
		}
		ctx, cancel := withTimeout(context.Background(), l.Timeout, context.DeadlineExceeded)
		stop := context.AfterFunc(in.ctx, cancel)
		err := in.ping(ctx)
		stop()
		cancel()
		if err == nil {
			sup.Beat(in.runner.ctx)
			failures = 0
			continue
		}
		if failures++; failures >= l.Failures {
			in.kill(fmt.Errorf("%w: %d times in a row, each within %v", ErrUnanswered, failures, l.Timeout))
			return
		}
	}
}

// withTimeout returns a context that ends with cause after a time. The time is
// extended once if the program was stopped meanwhile, because a plugin that had no
// chance to answer is not late. So the context cannot have a deadline.
func withTimeout(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	begun, limit := time.Now(), late.Begin(0, d)
	var mu sync.Mutex // the first firing of the timer waits for the assignment to timer
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
		timer.Stop() // a timer that has just been reset finds ctx ended
		cancel(nil)
	}
}
