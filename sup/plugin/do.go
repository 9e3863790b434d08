package plugin

import (
	"context"
	"errors"

	"github.com/espalier-go/espalier/sup"
)

// A Handle finds the live client of a plugin. A [sup.Child] and a [sup.Replicas] of
// clients are Handles.
type Handle[T any] interface {
	// Do calls f with a live client. It waits for one as long as ctx lasts, and fails at
	// once if there will be none.
	Do(ctx context.Context, f func(ctx context.Context, c *Client[T]) error) error
}

// An Option changes a call of [Do].
type Option struct{ idempotent bool }

// Idempotent returns an option that allows a second attempt. If the plugin dies during
// the first one, f is called once more with the next process, although the first
// attempt may have taken effect.
func Idempotent() Option { return Option{idempotent: true} }

// Do calls f with the T of a live plugin. It waits, as long as ctx lasts, for a plugin
// that is starting or restarting.
//
//	err := plugin.Do(ctx, child, func(ctx context.Context, c Counter) error {
//		n, err = c.Count(ctx, text)
//		return err
//	})
//
// The context of f ends with ctx and with the process that serves the T, whose cause is
// then a [DiedError]. Do returns after f, so f must stop when its context ends; for
// net/rpc see [NetRPC]. If f is nil, Do waits for a live plugin and does nothing else.
//
// Errors:
//   - the error of f, unchanged.
//   - [DiedError] if the plugin died during f. It wraps the error of f. The call may
//     have taken effect, and is repeated only if it is [Idempotent].
//   - [UnavailableError] if there is no plugin to call. It is returned at once if there
//     will be none, and then wraps [sup.ErrQuarantined], [sup.ErrStopped],
//     [sup.ErrNotFound] or [sup.ErrNotRunning]. Else it is returned when ctx ends, and
//     wraps the cause of ctx.
func Do[T any](ctx context.Context, h Handle[T], f func(ctx context.Context, t T) error, opts ...Option) error {
	if h == nil {
		return &UnavailableError{Err: sup.ErrNotFound}
	}
	retry := false
	for _, o := range opts {
		retry = retry || o.idempotent
	}
	var first *DiedError
	for {
		found, err := tryOnce(ctx, h, f)
		if !found && err == nil {
			continue
		}
		if !found {
			return unavailable(h, err, first)
		}
		died, ok := errors.AsType[*DiedError](err)
		if !ok || !retry {
			return err
		}
		retry, first = false, died
	}
}

// tryOnce calls f with the client that h finds. If that client is starting or ending,
// it waits until this is over, and returns false and no error.
func tryOnce[T any](ctx context.Context, h Handle[T], f func(ctx context.Context, t T) error) (found bool, err error) {
	call := newCall(ctx)
	defer call.cancel(nil)
	var idle *Client[T] // found, but without a process that accepts calls
	err = h.Do(ctx, func(_ context.Context, c *Client[T]) error {
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
	started := idle.started
	if idle.current.Load() != nil {
		started = nil // it is ending
	}
	select {
	case <-started:
	case <-idle.done:
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
