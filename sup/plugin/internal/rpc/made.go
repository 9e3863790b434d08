package rpc

import (
	"context"
	"errors"
	"reflect"
	"sync"
	"time"
)

// An Input is a stream that the caller passes to a method.
type Input interface {
	// pump encodes each element and passes it to send, until send returns false.
	pump(c codec, def *Definition, send func(payload) bool) error
}

// A Callback is an implementation of a marked interface that the caller passes to a
// method.
type Callback struct {
	def  *Definition
	impl any // nil for a nil interface
}

// NewCallback returns the Callback for an implementation of T.
func NewCallback[T any](impl T) Callback {
	def, _ := DefinitionOf(reflect.TypeFor[T]()) // the check of the shape has found it
	return Callback{def, impl}
}

// A madeCall is a call of this side.
type madeCall struct {
	session *session
	def     *Definition
	id      uint64
	ctx     context.Context
	cancel  context.CancelCauseFunc

	output *inbox // nil unless the result is a stream
	over   chan struct{}

	mu       sync.Mutex
	ended    bool
	result   payload
	failure  error
	inputs   map[uint64]*input
	panicked *any           // the first panic of an input
	users    sync.WaitGroup // goroutines that run code of the caller
}

// input is a stream of a madeCall, which begins with the first credit.
type input struct {
	source  Input
	outbox  *outbox
	started bool
}

// make calls a method of the root, or of a callback of the other side. yield, if it is
// not nil, gets the elements of the stream that the method returns.
func (s *session) make(ctx context.Context, def *Definition, back uint64, method string, in, out []any, yield func(payload) bool) error {
	c := &madeCall{session: s, def: def, over: make(chan struct{}), inputs: make(map[uint64]*input)}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	if yield != nil {
		c.output = newInbox()
	}
	defer c.close()
	values, err := c.register(in)
	if err != nil {
		return err
	}
	body, err := s.codec.encode(values...)
	if err != nil {
		return err
	}
	open := frame{kind: frameOpen, call: c.id, n: back, method: method, body: body}
	if deadline, ok := ctx.Deadline(); ok {
		open.timeout = max(1, time.Until(deadline))
	}
	if err := s.send(open); err != nil {
		return err
	}
	if yield != nil {
		stopped := false
		err := c.output.receive(ctx.Done(), c.grant, func() { stopped = true }, yield)
		if stopped || err != nil {
			return err
		}
	}
	select {
	case <-c.over:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	c.mu.Lock()
	result, failure := c.result, c.failure
	c.mu.Unlock()
	if failure != nil {
		return failure
	}
	return def.readResult(result, out)
}

// readResult sets the results of a call, and returns its error.
func (d *Definition) readResult(result payload, out []any) error {
	var w *wireError
	rest, err := result.decode(&w)
	if err != nil {
		return err
	}
	if _, err := rest.decode(out...); err != nil && w == nil {
		return err
	}
	return d.fromWire(w)
}

// register adds the call to the session, and returns what crosses as values.
func (c *madeCall) register(in []any) ([]any, error) {
	s := c.session
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil, s.failure
	}
	c.id = s.nextCall
	s.nextCall += 2
	s.made[c.id] = c
	values := make([]any, 0, len(in))
	streams := uint64(0)
	for _, p := range in {
		switch p := p.(type) {
		case Input:
			streams++
			c.inputs[streams] = &input{source: p, outbox: newOutbox()}
		case Callback:
			id := new(uint64)
			if p.impl != nil {
				s.nextBack++
				*id = s.nextBack
				s.callbacks[*id] = &callback{p.def, p.impl, c}
			}
			values = append(values, id)
		default:
			values = append(values, p)
		}
	}
	return values, nil
}

// grant sends a credit for the stream that the method returns.
func (c *madeCall) grant(n int) {
	_ = c.session.send(frame{kind: frameCredit, call: c.id, n: uint64(n)}) // a failure ends the session
}

// close ends the call on this side and returns when no code of the caller runs for it. It
// repeats a panic of an input in the goroutine of the caller.
func (c *madeCall) close() {
	s := c.session
	s.mu.Lock()
	_, open := s.made[c.id]
	delete(s.made, c.id)
	for id, b := range s.callbacks {
		if b.call == c {
			delete(s.callbacks, id)
		}
	}
	s.mu.Unlock()
	c.mu.Lock()
	finished := c.ended
	c.ended = true
	inputs := c.inputs
	c.mu.Unlock()
	if open && !finished && c.id != 0 {
		_ = s.send(frame{kind: frameCancel, call: c.id})
	}
	c.cancel(ErrCallOver)
	for _, in := range inputs {
		in.outbox.stop()
	}
	c.users.Wait()
	if c.panicked != nil {
		panic(*c.panicked)
	}
}

// begin adds a user of the call. It returns false if the call is over.
func (c *madeCall) begin() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return false
	}
	c.users.Add(1)
	return true
}

// finish ends the call with its result, or with the failure of its session.
func (c *madeCall) finish(result payload, failure error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		return
	}
	c.ended, c.result, c.failure = true, result, failure
	if c.output != nil {
		c.output.end(failure)
	}
	close(c.over)
}

func (c *madeCall) dispatch(f frame) error {
	switch f.kind {
	case frameResult:
		c.finish(f.body, nil)
	case frameItem:
		if c.output != nil {
			return c.output.add(f.body)
		}
	case frameEnd:
		if c.output != nil {
			c.output.end(nil)
		}
	case frameCredit:
		c.mu.Lock()
		in := c.inputs[f.stream]
		start := in != nil && !in.started && !c.ended
		if start {
			in.started = true
			c.users.Add(1)
		}
		c.mu.Unlock()
		if in != nil {
			in.outbox.add(int(min(f.n, window)))
		}
		if start {
			go c.pump(f.stream, in)
		}
	case frameStop:
		c.mu.Lock()
		in := c.inputs[f.stream]
		c.mu.Unlock()
		if in != nil {
			in.outbox.stop()
		}
	}
	return nil
}

// pump sends the elements of an input.
func (c *madeCall) pump(stream uint64, in *input) {
	defer c.users.Done()
	defer func() {
		if value := recover(); value != nil {
			c.mu.Lock()
			if c.panicked == nil {
				c.panicked = &value
			}
			c.mu.Unlock()
			c.finish(payload{}, errors.New("panic of an input stream"))
			_ = c.session.send(frame{kind: frameCancel, call: c.id})
		}
	}()
	err := in.source.pump(c.session.codec, c.def, func(p payload) bool {
		return in.outbox.reserve(c.ctx, p.size()) &&
			c.session.send(frame{kind: frameItem, call: c.id, stream: stream, body: p}) == nil
	})
	if err != nil { // an element that cannot be encoded fails the call
		c.finish(payload{}, err)
		_ = c.session.send(frame{kind: frameCancel, call: c.id})
		return
	}
	_ = c.session.send(frame{kind: frameEnd, call: c.id, stream: stream})
}
