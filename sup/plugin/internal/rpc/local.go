package rpc

import (
	"context"
	"io"
	"runtime/debug"
	"sync"
)

// A Local calls an implementation in the same process.
type Local struct {
	Def  *Definition
	Impl any
	// Shared passes values on as they are. By default they are encoded, as for a process.
	Shared bool
	// Go runs f in a goroutine of the incarnation. It returns an error if the incarnation
	// has ended.
	Go func(f func()) error
	// Died is called when a method has panicked, with the value and the stack, or has
	// called runtime.Goexit, with nil. It is called before the call returns.
	Died func(value any, stack string)
	// Failed returns the error of a call whose method has panicked.
	Failed func() error
}

func (l *Local) codec() codec { return codec{shared: l.Shared, limit: maxEncoded} }

// guarded calls f and reports its panic.
func (l *Local) guarded(f func()) {
	calling := true
	defer func() {
		if calling {
			value := recover()
			stack := ""
			if value != nil {
				stack = string(debug.Stack())
			}
			l.Died(value, stack)
		}
	}()
	f()
	calling = false
}

// Call implements [Caller].
func (l *Local) Call(ctx context.Context, method string, in, out []any) error {
	m, err := l.Def.method(method)
	if err != nil {
		return err
	}
	if m.Session {
		return l.session(ctx, method, in, out, nil)
	}
	args, err := l.codec().encode(in...)
	if err != nil {
		return err
	}
	type answer struct {
		body payload
		err  error
	}
	answered := make(chan answer, 1)
	err = l.Go(func() {
		var a answer
		completed := false
		defer func() {
			if !completed {
				a.err = l.Failed()
			}
			answered <- a
		}()
		l.guarded(func() {
			call := &ServerCall{args: args, codec: l.codec(), def: l.Def}
			a.body, a.err = call.response(call.run(ctx, l.Impl, method, false))
			completed = true
		})
	})
	if err != nil {
		return err
	}
	select {
	case a := <-answered:
		if a.err != nil {
			return a.err
		}
		return l.Def.readResult(a.body, out)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Stream implements [Caller].
func (l *Local) Stream(ctx context.Context, method string, in []any, yield func(Item) bool) error {
	return l.session(ctx, method, in, nil, func(p payload) bool { return yield(Item{l.Def, p}) })
}

// session makes a call with streams or callbacks.
func (l *Local) session(ctx context.Context, method string, in, out []any, yield func(payload) bool) error {
	near, far := newPipe()
	defer near.close()
	failed := make(chan error, 1)
	err := l.Go(func() {
		defer far.close()
		completed := false
		defer func() {
			if !completed {
				failed <- l.Failed()
			}
		}()
		l.guarded(func() {
			_ = serveSession(ctx, far, l.codec(), l.Def, l.Impl)
			completed = true
		})
	})
	if err != nil {
		return err
	}
	err = callSession(ctx, near, near.close, l.codec(), l.Def, method, in, out, yield)
	select {
	case death := <-failed:
		if err != nil {
			return death
		}
	default:
	}
	return err
}

// A pipe is one end of a conn within a process.
type pipe struct {
	in, out chan frame
	here    chan struct{} // closed by close
	there   chan struct{} // closed by close of the other end
	once    func()
}

func newPipe() (near, far *pipe) {
	const buffered = 16
	a, b := make(chan frame, buffered), make(chan frame, buffered)
	nearDone, farDone := make(chan struct{}), make(chan struct{})
	near = &pipe{in: a, out: b, here: nearDone, there: farDone, once: onceClose(nearDone)}
	far = &pipe{in: b, out: a, here: farDone, there: nearDone, once: onceClose(farDone)}
	return near, far
}

func (p *pipe) close() { p.once() }

func (p *pipe) send(f frame) error {
	select {
	case p.out <- f:
		return nil
	case <-p.there:
		return io.ErrClosedPipe
	case <-p.here:
		return io.ErrClosedPipe
	}
}

func (p *pipe) receive() (frame, error) {
	select {
	case f := <-p.in:
		return f, nil
	default:
	}
	select {
	case f := <-p.in:
		return f, nil
	case <-p.here:
		return frame{}, io.EOF
	case <-p.there:
	}
	select { // what was sent before the close
	case f := <-p.in:
		return f, nil
	default:
		return frame{}, io.EOF
	}
}

// onceClose returns a function that closes c when it is first called.
func onceClose(c chan struct{}) func() { return sync.OnceFunc(func() { close(c) }) }
