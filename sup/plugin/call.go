package plugin

import (
	"context"
	"errors"
	"net/rpc"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// call calls f with the T, in a context that ends with the caller's and with
// the plugin. The call has entered.
func (in *instance[T]) call(ctx context.Context, c *call, f func(ctx context.Context, t T) error) error {
	defer in.calls.leave(c)
	if f == nil {
		return nil
	}
	err := f(c.ctx, in.t)
	if err == nil {
		return nil
	}
	return in.judge(ctx, err)
}

// judge tells an error that the plugin answered with, which is the caller's,
// from one that is there because the plugin is not.
func (in *instance[T]) judge(ctx context.Context, err error) error {
	if !isClosed(in.life.Done()) && (ctx.Err() != nil || answered(err) || !in.lost(ctx)) {
		return err
	}
	died, ok := errors.AsType[*DiedError](context.Cause(in.life))
	if !ok {
		return err
	}
	return died.during(err)
}

// answered reports that an error is an answer of the plugin, or a deadline
// that f has set, and does not put the plugin itself in doubt.
func answered(err error) bool {
	if _, ok := errors.AsType[rpc.ServerError](err); ok || isDeadline(err) {
		return true
	}
	s, ok := status.FromError(err)
	if !ok {
		return false
	}
	switch s.Code() {
	case codes.Unavailable, codes.Canceled, codes.Internal:
		return false
	}
	return true
}

// isDeadline reports that an error is that of a deadline, here or in the plugin.
func isDeadline(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	s, ok := status.FromError(err)
	return ok && s.Code() == codes.DeadlineExceeded
}

// How long the failure of a call is looked into.
const (
	doubt = time.Second            // for an answer to whether the plugin is there
	dying = 250 * time.Millisecond // for the end of a process that has lost its connection
)

// lost finds out whether the plugin is lost, when a call has failed in a way
// that leaves it open. A process that is there without its connection is
// ended.
func (in *instance[T]) lost(ctx context.Context) bool {
	ask, cancel := context.WithTimeout(ctx, doubt)
	defer cancel()
	err := in.ping(ask)
	if err == nil || ask.Err() != nil {
		return isClosed(in.life.Done())
	}
	wait := time.NewTimer(dying)
	defer wait.Stop()
	select { // a dying process loses its connection first
	case <-in.life.Done():
	case <-wait.C:
		in.condemn(ErrUnreachable)
		<-in.life.Done()
	}
	return true
}
