package plugin

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/espalier-go/espalier/sup"
)

// A Client is one incarnation of a plugin: the worker of a child, made by
// [Source.Start]. It starts a process in Initialize, is ready when that
// serves a T, and ends with it. All methods are safe for concurrent use.
type Client[T any] struct {
	source *Source[T]
	spec   *Spec[T] // to start with
	late   bool     // the process is started by Run

	current  atomic.Pointer[instance[T]]
	up       chan struct{} // closed when there is a current one
	replaced chan struct{} // has an element when Run has not seen the current one
	over     chan struct{} // closed when the incarnation is about to end
	end      sync.Once
	turn     chan struct{} // held by who replaces

	mu       sync.Mutex
	life     context.Context // of the incarnation; nil before Initialize
	ending   bool
	replaces sync.WaitGroup
}

var (
	_ sup.Worker      = (*Client[int])(nil)
	_ sup.Initializer = (*Client[int])(nil)
	_ sup.Terminator  = (*Client[int])(nil)
)

// Initialize starts the process, and returns when it serves a T, or with a
// [StartError] and nothing left.
func (c *Client[T]) Initialize(ctx context.Context) error {
	if c.late {
		return nil
	}
	return c.begin(ctx)
}

func (c *Client[T]) begin(ctx context.Context) error {
	if c.current.Load() != nil {
		return errStarted
	}
	in, err := launch(ctx, c.spec)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.life = ctx
	c.current.Store(in)
	close(c.up)
	return nil
}

// Run returns when the process has ended, with a [DiedError]: a plugin has no
// reason to end by itself, so whatever it exits with is abnormal. Or, when ctx
// has, with its cause.
func (c *Client[T]) Run(ctx context.Context) error {
	for c.current.Load() == nil {
		err := c.begin(ctx)
		if err == nil {
			break
		}
		// A start by Run would count as a failure of the plugin, and a start by
		// Initialize would not.
		if !exhausted(err) {
			return err
		}
		select {
		case <-time.After(exhaustedPause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for {
		in := c.current.Load()
		select {
		case <-in.gone:
			if c.current.Load() == in {
				return context.Cause(in.life)
			}
		case <-c.replaced:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Terminate ends the process: it lets calls in flight return for the spec's
// DrainTimeout, asks the plugin to quit, and kills it when its time for
// stopping is nearly over. Nothing is left of it when Terminate returns, unless
// the process could not be killed: then the error is a [DiedError] that wraps why.
func (c *Client[T]) Terminate(ctx context.Context, exit sup.Exit) error {
	c.end.Do(func() { close(c.over) })
	c.mu.Lock()
	c.ending = true
	c.mu.Unlock()
	c.replaces.Wait() // their context has ended
	in := c.current.Load()
	if in == nil {
		return nil
	}
	kill, cancel, drain := killTime(ctx, in.spec.DrainTimeout)
	defer cancel()
	cause := exit.Err
	if cause == nil {
		cause = sup.ErrShutdown
	}
	in.stop(kill, drain, cause)
	return in.unkilled()
}

// killTime divides the time that a child has for stopping: half of it, and
// drain at most, for the calls in flight, and at the end a tenth to see the
// process go when it is killed.
func killTime(ctx context.Context, drain time.Duration) (context.Context, context.CancelFunc, time.Duration) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		ctx, cancel := context.WithCancel(ctx)
		return ctx, cancel, drain
	}
	left := time.Until(deadline)
	ctx, cancel := context.WithDeadline(ctx, deadline.Add(-left/10))
	return ctx, cancel, min(drain, left/2)
}

// Do calls f with the T of the live process, once. See [Do], which calls it
// through a handle and can wait for a process. The context that f is given
// ends with ctx, and with the process; the cause is a [DiedError] then.
//
// It returns what f does, or a [DiedError] if f has failed because the plugin
// ended, or [ErrEnded] if it had ended before.
func (c *Client[T]) Do(ctx context.Context, f func(ctx context.Context, t T) error) error {
	ctx = given(ctx)
	if err := c.ready(ctx); err != nil {
		return err
	}
	call := newCall(ctx)
	defer call.cancel(nil)
	in := c.enter(call)
	if in == nil {
		return ErrEnded
	}
	return in.call(ctx, call, f)
}

// given is ctx, or, where a caller has given none, one that never ends.
func given(ctx context.Context) context.Context {
	if ctx == nil {
		return context.Background()
	}
	return ctx
}

// ready waits until there is a process, or until there will be none.
func (c *Client[T]) ready(ctx context.Context) error {
	if c.current.Load() != nil {
		return nil
	}
	select {
	case <-c.up:
		return nil
	case <-c.over:
		return ErrEnded
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// enter adds a call to those of the process that takes calls, if there is one.
func (c *Client[T]) enter(call *call) *instance[T] {
	for in := c.current.Load(); in != nil; {
		if in.calls.enter(call) {
			return in
		}
		next := c.current.Load()
		if next == in {
			return nil
		}
		in = next
	}
	return nil
}

// Spec returns the spec of the live process, with its defaults filled in.
func (c *Client[T]) Spec() Spec[T] {
	if in := c.current.Load(); in != nil {
		return *in.spec
	}
	return *c.spec
}

// Pid returns the process id of the live process, or 0 if none was started.
func (c *Client[T]) Pid() int {
	if in := c.current.Load(); in != nil {
		return in.binary.proc.Pid()
	}
	return 0
}

// Protocol returns what was agreed on with the live process: the version of the
// protocol, and [goplugin.ProtocolGRPC] or [goplugin.ProtocolNetRPC].
func (c *Client[T]) Protocol() (version int, wire goplugin.Protocol) {
	if in := c.current.Load(); in != nil {
		return in.version, in.protocol
	}
	return 0, goplugin.ProtocolInvalid
}
