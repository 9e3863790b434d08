package plugin

import (
	"context"
	"errors"

	"github.com/espalier-go/espalier/sup"
)

// A Handle finds the live client of a plugin: a [sup.Child] or a
// [sup.Replicas] of clients.
type Handle[T any] interface {
	Do(ctx context.Context, f func(ctx context.Context, c *Client[T]) error) error
}

// An Option says something about a call.
type Option struct{ idempotent bool }

// Idempotent declares that f may be called a second time although the plugin
// may have done all or part of what the first asked: when the plugin ends
// during the call, it is made once more, on the next process.
func Idempotent() Option { return Option{idempotent: true} }

// Do calls f with the T of a live plugin, and waits for one, within ctx, while
// it is starting or restarting:
//
//	err := plugin.Do(ctx, child, func(ctx context.Context, c Counter) error {
//		n, err = c.Count(ctx, text)
//		return err
//	})
//
// The context that f is given ends with ctx, and with the process that serves
// the T: its cause is a [DiedError] then. Do returns when f does, so f has to heed
// its context; for net/rpc see [NetRPC]. A nil f does nothing but wait.
//
// An error of f is returned as it is. If f failed because the plugin ended, Do
// returns a [DiedError] that wraps it; f may have taken effect then, and is not
// called again unless the call is [Idempotent]. If there is no plugin to call,
// Do returns an [UnavailableError]: at once where there will be none, which
// wraps [sup.ErrQuarantined], [sup.ErrStopped], [sup.ErrNotFound] or
// [sup.ErrNotRunning]; or when ctx ends, whose cause it wraps.
func Do[T any](ctx context.Context, h Handle[T], f func(ctx context.Context, t T) error, opts ...Option) error {
	ctx = given(ctx)
	if h == nil {
		return &UnavailableError{Err: sup.ErrNotFound}
	}
	again := false
	for _, o := range opts {
		again = again || o.idempotent
	}
	var first *DiedError
	for {
		found, err := attempt(ctx, h, f)
		if !found && err == nil {
			continue
		}
		if !found {
			return unavailable(h, err, first)
		}
		died, is := errors.AsType[*DiedError](err)
		if !is || !again {
			return err
		}
		again, first = false, died
	}
}

// attempt calls f once, if there is a plugin to call it with. When the client
// that the handle has found is about to end, it waits until the handle knows.
func attempt[T any](ctx context.Context, h Handle[T], f func(ctx context.Context, t T) error) (found bool, err error) {
	call := newCall(ctx)
	defer call.cancel(nil)
	var idle *Client[T]
	err = h.Do(ctx, func(ctx context.Context, c *Client[T]) error {
		in := c.enter(call)
		if in == nil {
			idle = c
			return nil
		}
		found = true
		return in.call(ctx, call, f)
	})
	if idle == nil {
		return found, err
	}
	up := idle.up
	if idle.current.Load() != nil {
		up = nil // it was
	}
	select {
	case <-up:
	case <-idle.over:
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
	return false, nil
}

func unavailable[T any](h Handle[T], err error, first *DiedError) error {
	failure := &UnavailableError{Err: err, Died: first}
	if child, ok := h.(interface{ Info() (sup.ChildInfo, bool) }); ok {
		if info, declared := child.Info(); declared {
			failure.Last = info.LastExit
		}
	}
	return failure
}
