package rpc

import (
	"context"
	"sync"
)

// maxEncoded is the maximum size in bytes of what is sent at once. The receiver has a
// limit of its own.
const maxEncoded = 1<<31 - 1

// onceClose returns a function that closes c when it is first called.
func onceClose(c chan struct{}) func() { return sync.OnceFunc(func() { close(c) }) }

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
