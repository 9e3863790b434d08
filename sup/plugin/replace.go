package plugin

import (
	"context"
	"time"
)

// Replace upgrades the plugin without an interruption. It starts a process from spec
// while the old one serves calls. When the new process is ready, further calls go to
// it, and the old one is stopped after its calls in flight have returned. The
// incarnation continues, and the next one starts from spec, like all others of the same
// [Source].
//
// If the new process does not become ready within its StartTimeout and ctx, it is
// ended and the old one continues.
//
// Replace returns nil when the old process has ended. Calls in flight have the
// DrainTimeout of the old spec, and ctx, to return. Then they are cut off with a
// [DiedError] that wraps [ErrReplaced], and repeated if they are [Idempotent].
// Concurrent Replaces of one plugin are done one after the other.
//
// Errors: [SpecError]; [StartError]; [ErrEnded] if the incarnation ends meanwhile; the
// cause of ctx.
func (c *Client[T]) Replace(ctx context.Context, spec Spec[T]) error {
	if err := spec.check(); err != nil {
		return err
	}
	spec = spec.withDefaults()
	if err := c.waitStarted(ctx); err != nil {
		return err
	}
	runCtx, ok := c.beginReplace()
	if !ok {
		return ErrEnded
	}
	defer c.replaces.Done()
	ctx, cancel := mergeContexts(ctx, runCtx)
	defer cancel()
	select {
	case c.replaceSem <- struct{}{}:
		defer func() { <-c.replaceSem }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	next, err := launch(ctx, &spec)
	if err != nil {
		return err
	}
	old := c.swap(next)
	if old == nil {
		next.stop(ctx, 0, ErrEnded)
		return ErrEnded
	}
	old.stopReplaced(ctx)
	return nil
}

// beginReplace returns the context of the incarnation, or false if the incarnation is
// ending. Terminate waits for the caller's replaces.Done.
func (c *Client[T]) beginReplace() (runCtx context.Context, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || c.runCtx == nil {
		return nil, false
	}
	c.replaces.Add(1)
	return c.runCtx, true
}

// swap makes next the current instance and returns the previous one. It returns nil and
// changes nothing if the incarnation is ending.
func (c *Client[T]) swap(next *instance[T]) *instance[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || c.runCtx.Err() != nil {
		return nil
	}
	old := c.current.Swap(next)
	c.source.spec.Store(next.spec)
	select {
	case c.replaced <- struct{}{}:
	default: // Run has not received the previous one yet
	}
	return old
}

// quitTimeout is the time for a replaced process to quit before it is killed.
const quitTimeout = 5 * time.Second

// stopReplaced stops an instance that has been replaced. Calls in flight may return
// while ctx lasts.
func (in *instance[T]) stopReplaced(ctx context.Context) {
	in.drain(ctx, in.spec.DrainTimeout)
	quit, cancel := context.WithTimeout(context.WithoutCancel(ctx), quitTimeout)
	defer cancel()
	in.stop(quit, 0, ErrReplaced)
}

// mergeContexts returns a context with the values of runCtx that ends when ctx or
// runCtx ends. In the second case the cause is ErrEnded.
func mergeContexts(ctx, runCtx context.Context) (context.Context, context.CancelFunc) {
	merged, cancel := context.WithCancelCause(context.WithoutCancel(runCtx))
	stopRun := context.AfterFunc(runCtx, func() { cancel(ErrEnded) })
	stop := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	return merged, func() {
		stopRun()
		stop()
		cancel(nil)
	}
}
