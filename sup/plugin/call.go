package plugin

import (
	"context"
	"errors"
	"net/rpc"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A call is one call of a function of the user. It is an element of the list of an
// inflight, so that all calls can be canceled at once. A context.AfterFunc for each
// call would cost more than the rest of the call.
type call struct {
	prev, next *call
	ctx        context.Context
	cancel     context.CancelCauseFunc
}

func newCall(ctx context.Context) *call {
	c := new(call)
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	return c
}

// inflight is the set of calls that are in flight on one process.
type inflight struct {
	mu     sync.Mutex
	first  *call
	closed bool          // no call may enter
	idle   chan struct{} // closed when the set is empty; nil if nothing waits for that
}

// enter adds a call. It returns false if the set is closed.
func (s *inflight) enter(c *call) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	c.next = s.first
	if c.next != nil {
		c.next.prev = c
	}
	s.first = c
	return true
}

// leave removes a call.
func (s *inflight) leave(c *call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.prev != nil {
		c.prev.next = c.next
	} else {
		s.first = c.next
	}
	if c.next != nil {
		c.next.prev = c.prev
	}
	if s.first == nil && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

// close refuses further calls.
func (s *inflight) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// cancelAll cancels all calls.
func (s *inflight) cancelAll(cause error) {
	s.mu.Lock()
	var all []*call
	for c := s.first; c != nil; c = c.next {
		all = append(all, c)
	}
	s.mu.Unlock() // cancel propagates to all contexts that the user has derived
	for _, c := range all {
		c.cancel(cause)
	}
}

// whenIdle returns a channel that is closed when no call is in flight.
func (s *inflight) whenIdle() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := s.idle
	if idle == nil {
		idle = make(chan struct{})
		if s.first == nil {
			close(idle)
		} else {
			s.idle = idle
		}
	}
	return idle
}

// call calls f for a call that has entered in.calls.
func (in *instance[T]) call(ctx context.Context, c *call, f func(ctx context.Context, t T) error) error {
	defer in.calls.leave(c)
	if f == nil {
		return nil
	}
	err := f(c.ctx, in.t)
	if err == nil {
		return nil
	}
	return in.callError(ctx, err)
}

// callError returns the error of a call for which f has returned err: a *DiedError if
// the plugin has died, else err.
func (in *instance[T]) callError(ctx context.Context, err error) error {
	if !isClosed(in.ctx.Done()) && (ctx.Err() != nil || isAnswer(err) || !in.isDead(ctx)) {
		return err
	}
	died, ok := errors.AsType[*DiedError](context.Cause(in.ctx))
	if !ok || err == error(died) { // f may return the cause of its context
		return err
	}
	return died.during(err)
}

// isAnswer reports whether an error came from a plugin that is alive, or is a deadline
// that f has set.
func isAnswer(err error) bool {
	if _, ok := errors.AsType[rpc.ServerError](err); ok || isDeadline(err) {
		return true
	}
	if _, ok := errors.AsType[*RemoteError](err); ok {
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

// isDeadline reports whether an error says that a deadline has passed, in the host or
// in the plugin.
func isDeadline(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	s, ok := status.FromError(err)
	return ok && s.Code() == codes.DeadlineExceeded
}

const (
	// pingTimeout is the time for the answer of a plugin that may be dead.
	pingTimeout = time.Second
	// exitGrace is the time for the end of a process that has lost its connection. One
	// that panics prints its stacks meanwhile, which takes time on a busy machine.
	exitGrace = 2 * time.Second
)

// isDead reports whether the plugin is dead, after a call has failed in a way that
// leaves it open. A process that runs without a connection is killed.
func (in *instance[T]) isDead(ctx context.Context) bool {
	if in.local != nil { // in process, where the context tells
		return isClosed(in.ctx.Done())
	}
	pingCtx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	err := in.ping(pingCtx)
	if err == nil || pingCtx.Err() != nil {
		return isClosed(in.ctx.Done())
	}
	grace := time.NewTimer(exitGrace)
	defer grace.Stop()
	select {
	case <-in.ctx.Done(): // a process that is ending loses its connection first
	case <-grace.C:
		in.kill(ErrUnreachable)
		<-in.ctx.Done()
	}
	return true
}

// count returns the number of calls in flight.
func (s *inflight) count() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := s.first; c != nil; c = c.next {
		n++
	}
	return n
}
