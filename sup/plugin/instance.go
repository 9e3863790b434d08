package plugin

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/espalier-go/espalier/sup/proc"
)

// instance is one process of a plugin with the connection to it, from its start
// to its end. A [Client] has one, and while it is being replaced two.
type instance[T any] struct {
	spec     *Spec[T]
	file     version // of the binary, as it was just before the start
	binary   *binary
	wire     *wire
	config   *goplugin.ClientConfig
	host     *goplugin.Client
	link     goplugin.ClientProtocol
	dialer   Dialer[T]
	version  int
	protocol goplugin.Protocol
	t        T

	life context.Context // ends with the process, or when calls are cut off
	end  context.CancelCauseFunc
	gone chan struct{}  // closed when the process has ended
	wg   sync.WaitGroup // goroutines of this instance; all end with the process

	verdict atomic.Pointer[error] // why it was ended, if it did not end by itself
	calls   inflight

	mu   sync.Mutex
	over bool // has no more goroutines
}

func newInstance[T any](ctx context.Context, spec *Spec[T]) *instance[T] {
	in := &instance[T]{spec: spec, file: spec.file(), gone: make(chan struct{})}
	in.life, in.end = context.WithCancelCause(context.Background())
	in.binary = newBinary(ctx, spec.Command)
	in.wire = newWire(limits{spec.MaxMessage, spec.MaxBrokered}, in.condemn)
	return in
}

// watch notices the end of the process, and what comes before it.
func (in *instance[T]) watch() {
	in.wg.Go(func() {
		<-in.binary.proc.Done()
		in.calls.close()
		in.cutOff(in.death())
		close(in.gone)
	})
	if in.spec.Liveness.Interval > 0 {
		in.wg.Go(in.watchLiveness)
	}
}

// spawn starts a goroutine that ends with the process, unless it has ended.
func (in *instance[T]) spawn(f func()) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.over {
		return false
	}
	in.wg.Go(f)
	return true
}

// gather waits for the goroutines; the process has ended.
func (in *instance[T]) gather() {
	in.mu.Lock()
	in.over = true
	in.mu.Unlock()
	in.wg.Wait()
}

// death is the error that tells how the process ended.
func (in *instance[T]) death() *DiedError {
	if verdict := in.verdict.Load(); verdict != nil {
		return in.died(*verdict)
	}
	d := in.died(nil)
	d.Cause = &proc.ExitError{Exit: d.Exit}
	return d
}

// died is the error that tells why the process was ended.
func (in *instance[T]) died(cause error) *DiedError {
	p := in.binary.proc
	exit, ended := p.Exit()
	if !ended {
		exit = proc.Exit{Path: in.spec.Command.Path, Pid: p.Pid(), Lines: p.Tail()}
	}
	return &DiedError{Name: in.spec.Name, Exit: exit, Cause: cause}
}

// condemn ends the process because of something that it did not end of.
func (in *instance[T]) condemn(verdict error) {
	in.verdict.CompareAndSwap(nil, &verdict)
	in.binary.end()
}

// discard ends an instance that did not get ready.
func (in *instance[T]) discard() {
	in.binary.end()
	if in.binary.proc != nil {
		<-in.binary.proc.Done()
	}
	in.wire.cut(ErrUnreachable)
	if in.link != nil {
		_ = in.link.Close() // it cannot tell a plugin that has ended to quit
	}
	in.gather()
	in.clearUp()
}

// stop ends an instance: it lets the calls in flight return for a time, asks the
// plugin to quit, and kills it when ctx ends. It returns when nothing is left of
// it. The cause is what calls see that are cut off.
func (in *instance[T]) stop(ctx context.Context, drain time.Duration, cause error) {
	in.drain(ctx, drain)
	in.cutOff(in.died(cause))
	heard := make(chan bool, 1)
	in.wg.Go(func() { heard <- in.quit() }) // returns when the process has ended, if not before
	for quitting := true; quitting; {
		select {
		case quitting = <-heard:
		case <-in.gone:
			quitting = false
		case <-ctx.Done():
			quitting = false
		}
	}
	in.binary.end()
	<-in.gone
	in.wire.cut(ErrUnreachable) // the process may have left one that serves its socket
	in.gather()
	in.clearUp()
}

// unkilled is the error of a process that could not be killed, and nil of one
// that has ended.
func (in *instance[T]) unkilled() error {
	if in.binary.proc == nil {
		return nil
	}
	exit, _ := in.binary.proc.Exit()
	if exit.Unkilled == nil {
		return nil
	}
	return in.died(&proc.ExitError{Exit: exit})
}

// clearUp removes what go-plugin has made.
func (in *instance[T]) clearUp() {
	in.host.Kill()
	in.binary.release()
}

// drain takes no more calls and waits until none is in flight, or for a time.
func (in *instance[T]) drain(ctx context.Context, most time.Duration) {
	in.calls.close()
	ctx, cancel := within(ctx, most, context.DeadlineExceeded)
	defer cancel()
	select {
	case <-in.calls.drained():
	case <-in.gone:
	case <-ctx.Done():
	}
}

// cutOff ends the calls in flight. The first cause stands.
func (in *instance[T]) cutOff(cause *DiedError) {
	in.end(cause)
	in.calls.cutOff(context.Cause(in.life))
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
