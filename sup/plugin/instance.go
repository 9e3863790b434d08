package plugin

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/espalier-go/espalier/sup/proc"
)

// instance is one process of a plugin and the connection to it. A [Client] has one
// instance, and two while it is being replaced.
type instance[T any] struct {
	spec      *Spec[T]
	file      version        // of the binary, read just before the start
	runner    *processRunner // nil if local is set, like all up to client
	transport *transport
	config    *goplugin.ClientConfig
	goClient  *goplugin.Client
	client    goplugin.ClientProtocol // nil until connected
	dialer    Dialer[T]               // set by the handshake, like version and protocol
	version   int
	protocol  goplugin.Protocol
	t         T

	ctx    context.Context // ends with the process, or when calls are cut off
	cancel context.CancelCauseFunc
	exited chan struct{}  // closed when the process has ended
	wg     sync.WaitGroup // goroutines of this instance; all end with the process

	killCause atomic.Pointer[error] // set when the host kills the process for a fault
	calls     inflight
	local     *localInstance // nil for a process

	mu     sync.Mutex
	closed bool // no goroutine may be added to wg; guarded by mu
}

func newInstance[T any](ctx context.Context, spec *Spec[T]) *instance[T] {
	in := &instance[T]{spec: spec, file: spec.file(), exited: make(chan struct{})}
	in.ctx, in.cancel = context.WithCancelCause(context.Background())
	in.runner = newProcessRunner(ctx, spec.Command)
	in.transport = newTransport(limits{spec.MaxMessage, spec.MaxBrokered}, in.kill)
	return in
}

// watch starts the goroutines that wait for the end of the process and check that it
// is alive.
func (in *instance[T]) watch() {
	in.wg.Go(func() {
		<-in.runner.proc.Done()
		in.calls.close()
		in.cancelCalls(in.exitError())
		close(in.exited)
	})
	if in.spec.Liveness.Interval > 0 {
		in.wg.Go(in.watchLiveness)
	}
}

// tryGo starts a goroutine that ends with the process. It returns false if the
// process has ended.
func (in *instance[T]) tryGo(f func()) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.closed {
		return false
	}
	in.wg.Go(f)
	return true
}

// waitGoroutines waits for all goroutines. The process must have ended.
func (in *instance[T]) waitGoroutines() {
	in.mu.Lock()
	in.closed = true
	in.mu.Unlock()
	in.wg.Wait()
}

// exitError returns the error for a process that has ended.
func (in *instance[T]) exitError() *DiedError {
	d := in.diedError(nil)
	if cause := in.killCause.Load(); cause != nil && !(*cause == ErrUnreachable && endedByItself(d.Exit)) {
		d.Cause = *cause
		return d
	}
	d.Cause = &proc.ExitError{Exit: d.Exit}
	return d
}

// endedByItself reports whether a process ended before it was killed. It is false on
// Windows, where a killed process has an exit code too. A process that is ending loses its
// connection first, and on a busy machine the kill may come in between.
func endedByItself(exit proc.Exit) bool {
	return exit.Signal == 0 && exit.Code >= 0 && runtime.GOOS != "windows"
}

// diedError returns the error for a process that the host ends because of cause.
func (in *instance[T]) diedError(cause error) *DiedError {
	if in.local != nil {
		return &DiedError{Name: in.spec.Name, Cause: cause}
	}
	p := in.runner.proc
	exit, ended := p.Exit()
	if !ended {
		exit = proc.Exit{Path: in.spec.Command.Path, Pid: p.Pid(), Lines: p.Tail()}
	}
	return &DiedError{Name: in.spec.Name, Exit: exit, Cause: cause}
}

// kill kills the process because of a fault. The first cause is kept.
func (in *instance[T]) kill(cause error) {
	in.killCause.CompareAndSwap(nil, &cause)
	in.runner.kill()
}

// abort ends an instance that did not become ready.
func (in *instance[T]) abort() {
	in.runner.kill()
	if in.runner.proc != nil {
		<-in.runner.proc.Done()
	}
	in.transport.close(ErrUnreachable)
	if in.client != nil {
		_ = in.client.Close() // it fails, because it asks a process that has ended to quit
	}
	in.waitGoroutines()
	in.cleanUp()
}

// stop ends an instance and returns when nothing of it remains. It waits up to drain
// for the calls in flight, asks the plugin to quit, and kills it when ctx ends. Calls
// that are cut off see cause.
func (in *instance[T]) stop(ctx context.Context, drain time.Duration, cause error) {
	in.drain(ctx, drain)
	in.cancelCalls(in.diedError(cause))
	if in.local != nil {
		in.local.end(ctx)
		return
	}
	asked := make(chan bool, 1)
	in.wg.Go(func() { asked <- in.quit() }) // returns when the process has ended, if not before
	for quitting := true; quitting; {
		select {
		case quitting = <-asked: // false if the plugin was not reached
		case <-in.exited:
			quitting = false
		case <-ctx.Done():
			quitting = false
		}
	}
	in.runner.kill()
	<-in.exited
	in.transport.close(ErrUnreachable) // a descendant of the process may serve its socket
	in.waitGoroutines()
	in.cleanUp()
}

// quit asks the plugin to end itself, and reports whether the plugin received it.
func (in *instance[T]) quit() bool {
	if isClosed(in.exited) {
		in.transport.close(ErrUnreachable) // go-plugin would connect again to send the request
	}
	return in.client.Close() == nil
}

// killFailure returns the error for a process that could not be killed, or nil.
func (in *instance[T]) killFailure() error {
	if in.local != nil || in.runner.proc == nil {
		return nil
	}
	exit, _ := in.runner.proc.Exit()
	if exit.Unkilled == nil {
		return nil
	}
	return in.diedError(&proc.ExitError{Exit: exit})
}

// cleanUp removes what go-plugin has created.
func (in *instance[T]) cleanUp() {
	in.goClient.Kill()
	in.runner.unlockSocketDir()
}

// drain refuses new calls and waits until none is in flight, for at most limit.
func (in *instance[T]) drain(ctx context.Context, limit time.Duration) {
	in.calls.close()
	ctx, cancel := withTimeout(ctx, limit, context.DeadlineExceeded)
	defer cancel()
	select {
	case <-in.calls.whenIdle():
	case <-in.exited:
	case <-ctx.Done():
	}
}

// cancelCalls cancels the calls in flight. The first cause is kept.
func (in *instance[T]) cancelCalls(cause *DiedError) {
	in.cancel(cause)
	in.calls.cancelAll(context.Cause(in.ctx))
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
