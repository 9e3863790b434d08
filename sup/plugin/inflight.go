package plugin

import (
	"context"
	"sync"
)

// inflight is the calls that are in flight on a process.
type inflight struct {
	mu     sync.Mutex
	first  *call
	closed bool          // takes no more
	idle   chan struct{} // made by who waits for there to be none
}

// A call is one call of f. It is an element of the list of those in flight, so
// that all can be cut off: to have each wait for the end of the process by
// itself would cost more than the rest of the call does.
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

// enter adds a call, and reports false if there may be no more.
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

// close lets no further calls in.
func (s *inflight) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
}

// cutOff cancels all calls.
func (s *inflight) cutOff(cause error) {
	s.mu.Lock()
	var all []*call
	for c := s.first; c != nil; c = c.next {
		all = append(all, c)
	}
	s.mu.Unlock()
	for _, c := range all {
		c.cancel(cause)
	}
}

// drained returns a channel that is closed when no call is in flight.
func (s *inflight) drained() <-chan struct{} {
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
