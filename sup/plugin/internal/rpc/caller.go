package rpc

import (
	"context"
	"iter"
	"sync/atomic"
)

// A Caller calls the methods of an interface. in has pointers to the parameters after the
// context, an [Input] for a stream, and a [Callback] for a callback. out has pointers to
// the results before the error.
type Caller interface {
	Call(ctx context.Context, method string, in, out []any) error
	// Stream calls a method that returns a stream. It passes the elements to yield until
	// yield returns false.
	Stream(ctx context.Context, method string, in []any, yield func(Item) bool) error
}

// An Item is an element of a stream.
type Item struct {
	def  *Definition
	body payload
}

// Stream returns the stream that a method returns. The call begins when it is used.
func Stream[T any](ctx context.Context, c Caller, method string, in ...any) iter.Seq2[T, error] {
	used := new(atomic.Bool)
	return func(yield func(T, error) bool) {
		var zero T
		if used.Swap(true) {
			yield(zero, ErrStreamUsed)
			return
		}
		stopped := false
		err := c.Stream(ctx, method, in, func(i Item) bool {
			stopped = !yield(readItem[T](i.def, i.body))
			return !stopped
		})
		if err != nil && !stopped {
			yield(zero, err)
		}
	}
}

// readItem returns the value and the error of an element.
func readItem[T any](def *Definition, body payload) (T, error) {
	var v T
	var w *wireError
	if _, err := body.decode(&w, &v); err != nil {
		return v, err
	}
	return v, def.fromWire(w)
}

// source is an Input of elements of a type.
type source[T any] struct{ seq iter.Seq2[T, error] }

// NewInput returns the Input for a stream of the caller. A nil stream is empty.
func NewInput[T any](seq iter.Seq2[T, error]) Input { return source[T]{seq} }

func (s source[T]) pump(c codec, def *Definition, send func(payload) bool) error {
	if s.seq == nil {
		return nil
	}
	for v, err := range s.seq {
		w := def.toWire(err)
		p, err := c.encode(&w, &v)
		if err != nil {
			return err
		}
		if !send(p) {
			return nil
		}
	}
	return nil
}

// TakeInput returns the stream that is the next parameter of a call.
func TakeInput[T any](c *ServerCall) iter.Seq2[T, error] {
	c.streams++
	stream, served := c.streams, c.served
	return func(yield func(T, error) bool) {
		var zero T
		in := served.input(stream)
		if !in.use() {
			yield(zero, ErrStreamUsed)
			return
		}
		s, stopped := served.session, false
		grant := func(n int) {
			_ = s.send(frame{kind: frameCredit, call: served.id, stream: stream, n: uint64(n)})
		}
		stop := func() { _ = s.send(frame{kind: frameStop, call: served.id, stream: stream}) }
		err := in.receive(served.ctx.Done(), grant, stop, func(p payload) bool {
			stopped = !yield(readItem[T](served.def, p))
			return !stopped
		})
		if err == nil && served.ctx.Err() != nil {
			err = context.Cause(served.ctx)
		}
		if err != nil && !stopped {
			yield(zero, err)
		}
	}
}

// Output sends the stream that a method has returned.
func Output[T any](c *ServerCall, seq iter.Seq2[T, error]) error {
	served := c.served
	err := source[T]{seq}.pump(c.codec, c.def, func(p payload) bool {
		return served.output.reserve(served.ctx, p.size()) &&
			served.session.send(frame{kind: frameItem, call: served.id, body: p}) == nil
	})
	if err != nil {
		return err
	}
	return c.Return(nil)
}
