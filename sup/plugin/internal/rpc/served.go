package rpc

import (
	"context"
	"fmt"
	"reflect"
	"sync"
)

// A servedCall is a call of the other side.
type servedCall struct {
	session *session
	def     *Definition
	id      uint64
	method  string
	args    payload
	ctx     context.Context
	stop    context.CancelFunc // of a deadline
	cancel  context.CancelCauseFunc
	output  *outbox

	mu     sync.Mutex
	over   bool
	fail   error             // of inputs that begin after the session has ended
	inputs map[uint64]*inbox // created by the reader or by the first frame
}

func newServedCall(ctx context.Context, s *session, def *Definition, f frame) *servedCall {
	c := &servedCall{session: s, def: def, id: f.call, method: f.method, args: f.body, output: newOutbox(), inputs: make(map[uint64]*inbox)}
	c.stop = func() {}
	if f.timeout > 0 {
		ctx, c.stop = context.WithTimeout(ctx, f.timeout)
	}
	c.ctx, c.cancel = context.WithCancelCause(ctx)
	return c
}

// serve calls the method of impl and sends its result. A panic is an error if it is
// shielded.
func (c *servedCall) serve(impl any, shielded bool) {
	defer c.stop()
	call := &ServerCall{args: c.args, codec: c.session.codec, def: c.def, served: c}
	err := call.run(c.ctx, impl, c.method, shielded)
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	c.cancel(ErrCallOver)
	c.endInputs(ErrCallOver)
	s := c.session
	s.mu.Lock()
	delete(s.served, c.id)
	s.mu.Unlock()
	body, err := call.response(err)
	if err != nil {
		s.end(err)
		return
	}
	_ = s.send(frame{kind: frameResult, call: c.id, body: body})
}

func (c *servedCall) input(stream uint64) *inbox {
	c.mu.Lock()
	defer c.mu.Unlock()
	in := c.inputs[stream]
	if in == nil {
		in = newInbox()
		c.inputs[stream] = in
		if c.fail != nil {
			in.end(c.fail)
		}
	}
	return in
}

// endInputs ends all streams from the caller.
func (c *servedCall) endInputs(failure error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail = failure
	for _, in := range c.inputs {
		in.end(failure)
	}
}

func (c *servedCall) dispatch(f frame) error {
	switch f.kind {
	case frameCancel:
		c.cancel(context.Canceled)
	case frameItem, frameEnd:
		c.mu.Lock()
		in := c.inputs[f.stream]
		c.mu.Unlock()
		if in == nil { // it was not asked for
			return errWindow
		}
		if f.kind == frameEnd {
			in.end(nil)
			return nil
		}
		return in.add(f.body)
	case frameCredit:
		c.output.add(int(min(f.n, window)))
	case frameStop:
		c.output.stop()
	}
	return nil
}

// A ServerCall is a call as the code that supgen writes sees it. Parameters must be taken
// in their order.
type ServerCall struct {
	args    payload
	codec   codec
	def     *Definition
	served  *servedCall // nil for a call without streams and callbacks
	streams uint64      // that were taken
	out     payload
	has     bool // out is set
}

// run calls the method.
func (c *ServerCall) run(ctx context.Context, impl any, method string, shielded bool) (err error) {
	if shielded {
		defer func() {
			if value := recover(); value != nil {
				err = fmt.Errorf("panic: %v", value)
			}
		}()
	}
	m, err := c.def.method(method)
	if err != nil {
		return err
	}
	return m.Serve(ctx, impl, c)
}

// response returns the result of a call whose Serve has returned err.
func (c *ServerCall) response(err error) (payload, error) {
	if err == nil && c.has {
		return c.out, nil
	}
	w := c.def.toWire(err)
	return c.codec.encode(&w)
}

// Args decodes the next parameters into what pointers point to.
func (c *ServerCall) Args(pointers ...any) error {
	rest, err := c.args.decode(pointers...)
	if err != nil {
		return fmt.Errorf("parameters of %s: %w", c.def.Name, err)
	}
	c.args = rest
	return nil
}

// TakeCallback returns the callback that is the next parameter of a call, or nil.
func TakeCallback[T any](c *ServerCall) (client T, err error) {
	var id uint64
	if err := c.Args(&id); err != nil || id == 0 {
		return client, err
	}
	def, ok := DefinitionOf(reflect.TypeFor[T]())
	if !ok {
		return client, fmt.Errorf("%v has no generated code", reflect.TypeFor[T]())
	}
	return def.NewClient(&sessionCaller{c.served.session, def, id, c.served}).(T), nil
}

// Return sets the result of the call.
func (c *ServerCall) Return(err error, results ...any) error {
	w := c.def.toWire(err)
	out, failure := c.codec.encode(append([]any{&w}, results...)...)
	if failure != nil {
		return fmt.Errorf("results of %s: %w", c.def.Name, failure)
	}
	c.out, c.has = out, true
	return nil
}

// sessionCaller calls a callback of the other side.
type sessionCaller struct {
	session *session
	def     *Definition
	id      uint64
	call    *servedCall // that it was passed in
}

func (c *sessionCaller) isOver() bool {
	c.call.mu.Lock()
	defer c.call.mu.Unlock()
	return c.call.over
}

func (c *sessionCaller) Call(ctx context.Context, method string, in, out []any) error {
	if c.isOver() {
		return ErrCallOver
	}
	ctx, cancel := joinContext(ctx, c.call.ctx)
	defer cancel()
	return c.session.make(ctx, c.def, c.id, method, in, out, nil)
}

func (c *sessionCaller) Stream(ctx context.Context, method string, in []any, yield func(Item) bool) error {
	if c.isOver() {
		return ErrCallOver
	}
	ctx, cancel := joinContext(ctx, c.call.ctx)
	defer cancel()
	return c.session.make(ctx, c.def, c.id, method, in, nil, func(p payload) bool { return yield(Item{c.def, p}) })
}

// joinContext returns a context that ends with both, with the values of ctx.
func joinContext(ctx, other context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(other, func() { cancel(context.Cause(other)) })
	return ctx, func() { stop(); cancel(nil) }
}
