package plugin

import (
	"context"
	"fmt"
	"io"
	"reflect"
	"runtime/debug"
	"sync"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin/internal/rpc"
)

// An InProcessOption changes what [InProcess] returns.
type InProcessOption struct{ shared bool }

// Shared returns an option that passes values to and from the implementation as they
// are. Both sides must then not change what a value refers to. By default each value is
// encoded and decoded, as between processes.
func Shared() InProcessOption { return InProcessOption{shared: true} }

// InProcess returns a Source of an interface for which supgen writes the code, and whose
// implementation runs in the process of the host. start makes the implementation of each
// incarnation. If that is an [io.Closer], it is closed when the incarnation has ended.
//
// Handles, [Do] and all policies are those of a plugin in a process, so a test of a host
// needs no binary, and a plugin moves into a process of its own by another Source.
//
// Each method runs in a goroutine of the incarnation, see [sup.Go]. A call returns when
// its context ends, and the stop of the incarnation waits for the method. A panic of a
// method ends the incarnation: that call and all others in flight return a [DiedError],
// and their contexts end. A panic in a goroutine that the implementation starts by itself
// ends the host. A data race or a leak in the implementation is one of the host.
//
// [Source.Start] returns a [SpecError] if the interface cannot cross, see [CheckShape].
func InProcess[T any](start func(ctx context.Context) (T, error), opts ...InProcessOption) *Source[T] {
	spec := Spec[T]{inProcess: start}
	for _, o := range opts {
		spec.shared = spec.shared || o.shared
	}
	return NewSource(spec)
}

// launchInProcess starts an implementation in process. The error is a *StartError.
func launchInProcess[T any](ctx context.Context, spec *Spec[T]) (*instance[T], error) {
	impl, err := startInProcess(ctx, spec)
	if err != nil {
		return nil, &StartError{Name: spec.Name, Err: err}
	}
	in := &instance[T]{spec: spec, exited: make(chan struct{})}
	in.ctx, in.cancel = context.WithCancelCause(context.Background())
	in.local = &localInstance{
		incarnation: context.WithoutCancel(ctx), // for sup.Go, which reads a value
		exit:        sync.OnceFunc(func() { close(in.exited) }),
		closeImpl: sync.OnceFunc(func() {
			if c, ok := any(impl).(io.Closer); ok {
				_ = c.Close() // nothing is left that could use the error
			}
		}),
	}
	def, _ := rpc.DefinitionOf(reflect.TypeFor[T]()) // the check of the spec has found it
	in.t = def.NewClient(&rpc.Local{
		Def: def, Impl: impl, Shared: spec.shared,
		Go: in.local.run,
		Died: func(value any, stack string) {
			var cause error = sup.ErrGoexit
			if value != nil {
				cause = &sup.PanicError{Value: value, Stack: stack}
			}
			in.calls.close()
			in.cancelCalls(in.diedError(cause))
			in.local.exit()
		},
		Failed: func() error { return context.Cause(in.ctx) },
	}).(T)
	if spec.Probe != nil {
		if err := spec.Probe(ctx, in.t); err != nil {
			in.stop(ctx, 0, err)
			return nil, &StartError{Name: spec.Name, Err: fmt.Errorf("%w: %w", ErrProbe, err)}
		}
	}
	return in, nil
}

// localInstance is the part of an instance that is an implementation in process.
type localInstance struct {
	incarnation context.Context
	exit        func() // closes exited of the instance, once
	closeImpl   func() // closes the implementation, once

	mu      sync.Mutex
	ended   bool           // no method may begin; guarded by mu
	methods sync.WaitGroup // goroutines of methods
}

// run runs a method in a goroutine of the incarnation.
func (l *localInstance) run(f func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return ErrEnded
	}
	l.methods.Add(1)
	err := sup.Go(l.incarnation, func(context.Context) error {
		defer l.methods.Done()
		f()
		return nil
	})
	if err != nil { // the incarnation has ended
		l.methods.Done()
		return ErrEnded
	}
	return nil
}

// end closes the implementation when all methods have returned. It waits for that while
// ctx lasts, and leaves the rest to a goroutine of the incarnation.
func (l *localInstance) end(ctx context.Context) {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.exit()
	closed := make(chan struct{})
	wait := func(context.Context) error {
		l.methods.Wait()
		l.closeImpl()
		close(closed)
		return nil
	}
	if sup.Go(l.incarnation, wait) != nil { // Terminate, which follows all goroutines
		_ = wait(ctx)
	}
	select {
	case <-closed:
	case <-ctx.Done():
	}
}

// drainInProcess stops an implementation in process. Run calls it when the incarnation
// is asked to stop, because the goroutines of the methods are waited for before
// Terminate.
func (c *Client[T]) drainInProcess(cause error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.Spec().DrainTimeout)
	defer cancel()
	if in := c.current.Load(); in.local != nil {
		in.stop(ctx, in.spec.DrainTimeout, cause)
	}
}

// startInProcess makes an implementation.
func startInProcess[T any](ctx context.Context, spec *Spec[T]) (impl T, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &sup.PanicError{Value: value, Stack: string(debug.Stack())}
		}
	}()
	return spec.inProcess(ctx)
}
