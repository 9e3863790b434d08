package plugin

import (
	"context"
	"time"
)

// Replace upgrades the plugin in place: it starts a process from spec beside
// the live one, which goes on taking calls; when the new one is ready it takes
// all further calls, the calls in flight on the old one are let return, and the
// old one is stopped. The incarnation goes on, and the next one, should there be
// a crash, starts from spec too, as do all others of the same [Source].
//
// If the new process does not get ready, within its StartTimeout and ctx, it is
// ended, the old one stays, and the error says why: a [SpecError], a
// [StartError], or [ErrEnded] if the incarnation ends meanwhile.
//
// It returns nil when the old process is gone. Calls in flight are given the old
// spec's DrainTimeout, and ctx, to return; those that have not are cut off with
// a [DiedError] that wraps [ErrReplaced], and made again if they are
// [Idempotent]. Replaces of one plugin happen one after the other.
func (c *Client[T]) Replace(ctx context.Context, spec Spec[T]) error {
	if err := spec.check(); err != nil {
		return err
	}
	ctx, spec = given(ctx), spec.withDefaults()
	if err := c.ready(ctx); err != nil {
		return err
	}
	life, ok := c.beginReplace()
	if !ok {
		return ErrEnded
	}
	defer c.replaces.Done()
	ctx, cancel := whileBoth(ctx, life)
	defer cancel()
	select {
	case c.turn <- struct{}{}:
		defer func() { <-c.turn }()
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
	old.retire(ctx)
	return nil
}

// beginReplace returns the context of the incarnation, which waits for the
// caller's replaces.Done before it ends, or false if it is about to end.
func (c *Client[T]) beginReplace() (life context.Context, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || c.life == nil {
		return nil, false
	}
	c.replaces.Add(1)
	return c.life, true
}

// swap makes next the current instance, and returns the one that it was
// before, or nil if the incarnation is about to end.
func (c *Client[T]) swap(next *instance[T]) *instance[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ending || c.life.Err() != nil {
		return nil
	}
	old := c.current.Swap(next)
	c.source.spec.Store(next.spec)
	select {
	case c.replaced <- struct{}{}:
	default: // Run has not seen the one before yet
	}
	return old
}

// quitTime is how long a process that has been replaced has for quitting.
const quitTime = 5 * time.Second

// retire stops an instance that has been replaced. Calls in flight are let
// return as long as ctx does not end.
func (in *instance[T]) retire(ctx context.Context) {
	in.drain(ctx, in.spec.DrainTimeout)
	quit, cancel := context.WithTimeout(context.WithoutCancel(ctx), quitTime)
	defer cancel()
	in.stop(quit, 0, ErrReplaced)
}

// whileBoth returns a context with the values of life, which is done when
// either is.
func whileBoth(ctx, life context.Context) (context.Context, context.CancelFunc) {
	both, cancel := context.WithCancelCause(context.WithoutCancel(life))
	detachLife := context.AfterFunc(life, func() { cancel(ErrEnded) })
	detach := context.AfterFunc(ctx, func() { cancel(context.Cause(ctx)) })
	return both, func() {
		detachLife()
		detach()
		cancel(nil)
	}
}
