package rpc

import (
	"context"
	"fmt"
	"sync"
)

// maxServed is how many calls of the other side a session serves at once.
const maxServed = 1000

// A session is a call with streams or callbacks, and the calls of its callbacks. Both
// sides have one. A goroutine of each receives all frames and never blocks otherwise: what a
// stream may send is bounded by credits, and calls are served by goroutines of their own.
type session struct {
	conn  conn
	codec codec
	done  chan struct{} // closed when the session has ended

	sendMu sync.Mutex // held while conn sends

	mu        sync.Mutex
	ended     bool
	failure   error // why it has ended
	nextCall  uint64
	made      map[uint64]*madeCall   // calls of this side
	served    map[uint64]*servedCall // calls of the other side
	nextBack  uint64
	callbacks map[uint64]*callback // that this side has passed
}

// A callback is an implementation of an interface that was passed in a call.
type callback struct {
	def  *Definition
	impl any
	call *madeCall
}

func newSession(c conn, code codec, firstCall uint64) *session {
	return &session{
		conn: c, codec: code, done: make(chan struct{}),
		nextCall:  firstCall,
		made:      make(map[uint64]*madeCall),
		served:    make(map[uint64]*servedCall),
		callbacks: make(map[uint64]*callback),
	}
}

// send sends a frame.
func (s *session) send(f frame) error {
	s.sendMu.Lock()
	defer s.sendMu.Unlock()
	return s.conn.send(f)
}

// run receives frames until there are no more, and ends the session.
func (s *session) run() {
	for {
		f, err := s.conn.receive()
		if err == nil {
			err = s.dispatch(f)
		}
		if err != nil {
			s.end(err)
			return
		}
	}
}

// end ends the session: all calls of this side fail, and the contexts of those of the
// other side end.
func (s *session) end(failure error) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	s.ended, s.failure = true, failure
	made, served := s.made, s.served
	s.made, s.served = nil, nil
	s.mu.Unlock()
	close(s.done)
	for _, c := range made {
		c.finish(payload{}, failure)
	}
	for _, c := range served {
		c.cancel(failure)
		c.endInputs(failure)
	}
}

// dispatch handles a frame. Frames for calls that are over are ignored, because both
// sides may end a call at once.
func (s *session) dispatch(f frame) error {
	if f.kind == frameOpen {
		return s.opened(f)
	}
	s.mu.Lock()
	made, served := s.made[f.call], s.served[f.call]
	s.mu.Unlock()
	switch {
	case made != nil:
		return made.dispatch(f)
	case served != nil:
		return served.dispatch(f)
	}
	return nil
}

// opened begins to serve a call of the other side to a callback.
func (s *session) opened(f frame) error {
	s.mu.Lock()
	back := s.callbacks[f.n]
	count := len(s.served)
	s.mu.Unlock()
	switch {
	case back == nil:
		go s.refuse(f.call, ErrCallOver)
		return nil
	case count >= maxServed:
		return fmt.Errorf("more than %d callbacks at once", maxServed)
	}
	if !back.call.begin() {
		go s.refuse(f.call, ErrCallOver)
		return nil
	}
	c := s.serving(back.call.ctx, back.def, f)
	go func() {
		defer back.call.users.Done()
		c.serve(back.impl, true)
	}()
	return nil
}

// refuse answers a call with an error. It may block, and the session must go on.
func (s *session) refuse(call uint64, err error) {
	var d Definition
	w := d.toWire(err)
	if body, err := s.codec.encode(&w); err == nil {
		_ = s.send(frame{kind: frameResult, call: call, body: body})
	}
}

// serving registers a call of the other side.
func (s *session) serving(ctx context.Context, def *Definition, f frame) *servedCall {
	c := newServedCall(ctx, s, def, f)
	s.mu.Lock()
	if !s.ended {
		s.served[f.call] = c
	}
	ended, failure := s.ended, s.failure
	s.mu.Unlock()
	if ended {
		c.cancel(failure)
		c.endInputs(failure)
	}
	return c
}

// callSession makes the first call of a session, and returns when the session has ended.
// hangUp ends the conn.
func callSession(ctx context.Context, c conn, hangUp func(), code codec, def *Definition, method string, in, out []any, yield func(payload) bool) error {
	s := newSession(c, code, 1)
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		s.run()
	}()
	defer func() {
		hangUp()
		<-ran
	}()
	return s.make(ctx, def, 0, method, in, out, yield)
}

// serveSession serves the first call of a session, and returns when the caller has hung
// up.
func serveSession(ctx context.Context, c conn, code codec, def *Definition, impl any) error {
	f, err := c.receive()
	if err != nil {
		return err
	}
	if f.kind != frameOpen {
		return errFrame
	}
	s := newSession(c, code, 2)
	call := s.serving(ctx, def, f)
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		s.run()
	}()
	call.serve(impl, false)
	<-ran
	return nil
}
