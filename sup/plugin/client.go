package plugin

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/espalier-go/espalier/sup"
)

// A Source holds the spec of the next incarnation of a child: the last one that is
// known to work. Its Start is the start function of a [sup.ChildSpec]:
//
//	Start: plugin.NewSource(spec).Start
//
// Replicas may share a Source. All methods are safe for concurrent use.
type Source[T any] struct {
	spec       atomic.Pointer[Spec[T]]
	startInRun atomic.Bool // of the next client
}

// NewSource returns a Source of a spec. [Source.Start] reports the faults of the spec.
func NewSource[T any](spec Spec[T]) *Source[T] {
	s := new(Source[T])
	spec = spec.withDefaults()
	s.spec.Store(&spec)
	return s
}

// Spec returns the spec of the next incarnation, with defaults filled in.
func (s *Source[T]) Spec() Spec[T] { return *s.spec.Load() }

// Use sets the spec of the next incarnation, for a plugin that is not running. It does
// not affect a running one, see [Client.Replace]. The error is a [SpecError].
func (s *Source[T]) Use(spec Spec[T]) error {
	if err := spec.check(); err != nil {
		return err
	}
	spec = spec.withDefaults()
	s.spec.Store(&spec)
	return nil
}

// Start returns the worker of an incarnation, whose Initialize starts the process. The
// error is a [SpecError].
func (s *Source[T]) Start(context.Context) (*Client[T], error) {
	spec := s.spec.Load()
	if err := spec.check(); err != nil {
		return nil, err
	}
	return &Client[T]{
		source:     s,
		spec:       spec,
		startInRun: s.startInRun.Swap(false),
		started:    make(chan struct{}),
		replaced:   make(chan struct{}, 1),
		done:       make(chan struct{}),
		replaceSem: make(chan struct{}, 1),
	}, nil
}

// A Client is the worker of one incarnation of a plugin, see [Source.Start]. Initialize
// starts the process and returns when it serves a T. Run returns when the process has
// ended. All methods are safe for concurrent use.
type Client[T any] struct {
	source     *Source[T]
	spec       *Spec[T] // of the first process
	startInRun bool     // Run starts the process, not Initialize

	current    atomic.Pointer[instance[T]] // nil until started
	started    chan struct{}               // closed when current is set
	replaced   chan struct{}               // has an element if current has changed since Run read it
	done       chan struct{}               // closed when Terminate begins
	doneOnce   sync.Once
	replaceSem chan struct{} // has an element while a Replace is under way

	mu       sync.Mutex
	runCtx   context.Context // of the incarnation; nil until started; guarded by mu
	ending   bool            // no Replace may begin; guarded by mu
	replaces sync.WaitGroup
}

var (
	_ sup.Worker      = (*Client[int])(nil)
	_ sup.Initializer = (*Client[int])(nil)
	_ sup.Terminator  = (*Client[int])(nil)
)

// Initialize starts the process and returns when the process serves a T. The error is a
// [StartError], and then no process remains.
func (c *Client[T]) Initialize(ctx context.Context) error {
	if c.startInRun {
		return nil
	}
	return c.start(ctx)
}

func (c *Client[T]) start(ctx context.Context) error {
	if c.current.Load() != nil {
		return errAlreadyStarted
	}
	in, err := launch(ctx, c.spec)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runCtx = ctx
	c.current.Store(in)
	close(c.started)
	return nil
}

// Run returns when the process has ended, with a [DiedError], or when ctx has ended,
// with its cause. A plugin has no reason to exit by itself, so each of its exits is
// abnormal.
func (c *Client[T]) Run(ctx context.Context) error {
	for c.current.Load() == nil {
		err := c.start(ctx)
		if err == nil {
			break
		}
		// A failed Run uses the budget of the plugin, which is not to blame.
		if !outOfResources(err) {
			return err
		}
		select {
		case <-time.After(resourcePause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	for {
		in := c.current.Load()
		select {
		case <-in.exited:
			if c.current.Load() == in { // else it was replaced
				return context.Cause(in.ctx)
			}
		case <-c.replaced:
		case <-ctx.Done():
			c.drainInProcess(context.Cause(ctx))
			return context.Cause(ctx)
		}
	}
}

// Terminate ends the process. It waits for the calls in flight up to DrainTimeout, asks
// the plugin to quit, and kills it shortly before ctx ends. When Terminate returns,
// nothing of the process remains. The error is a [DiedError] if the process could not
// be killed.
func (c *Client[T]) Terminate(ctx context.Context, exit sup.Exit) error {
	c.doneOnce.Do(func() { close(c.done) })
	c.mu.Lock()
	c.ending = true
	c.mu.Unlock()
	c.replaces.Wait() // their contexts have ended with the incarnation
	in := c.current.Load()
	if in == nil {
		return nil
	}
	quitCtx, cancel, drain := splitShutdown(ctx, in.spec.DrainTimeout)
	defer cancel()
	cause := exit.Err
	if cause == nil {
		cause = sup.ErrShutdown
	}
	in.stop(quitCtx, drain, cause)
	return in.killFailure()
}

// splitShutdown divides the time of ctx. Up to half of it, and at most drain, is for
// the calls in flight. The returned context ends when the process must be killed, and
// leaves a tenth of the time to wait for its end.
func splitShutdown(ctx context.Context, drain time.Duration) (context.Context, context.CancelFunc, time.Duration) {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		ctx, cancel := context.WithCancel(ctx)
		return ctx, cancel, drain
	}
	left := time.Until(deadline)
	ctx, cancel := context.WithDeadline(ctx, deadline.Add(-left/10))
	return ctx, cancel, min(drain, left/2)
}

// Do calls f once with the T of this incarnation. Use the function [Do] to call through
// a handle, which waits for the next incarnation. The context of f ends with ctx and
// with the process, whose cause is then a [DiedError].
//
// Errors: the error of f; [DiedError] if f failed because the plugin ended; [ErrEnded]
// if it had ended before; the cause of ctx if ctx ended before the plugin had started.
func (c *Client[T]) Do(ctx context.Context, f func(ctx context.Context, t T) error) error {
	if err := c.waitStarted(ctx); err != nil {
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

// waitStarted waits until there is a process, or until there will be none.
func (c *Client[T]) waitStarted(ctx context.Context) error {
	if c.current.Load() != nil {
		return nil
	}
	select {
	case <-c.started:
		return nil
	case <-c.done:
		return ErrEnded
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// enter adds a call to the process that accepts calls. It returns nil if there is none.
func (c *Client[T]) enter(call *call) *instance[T] {
	for in := c.current.Load(); in != nil; {
		if in.calls.enter(call) {
			return in
		}
		next := c.current.Load()
		if next == in {
			return nil
		}
		in = next // it was replaced after the load
	}
	return nil
}

// Spec returns the spec of the live process, with defaults filled in.
func (c *Client[T]) Spec() Spec[T] {
	if in := c.current.Load(); in != nil {
		return *in.spec
	}
	return *c.spec
}

// Pid returns the id of the live process. It returns 0 before the first start, and for
// an implementation [InProcess].
func (c *Client[T]) Pid() int {
	if in := c.current.Load(); in != nil && in.local == nil {
		return in.runner.proc.Pid()
	}
	return 0
}

// Protocol returns the version of the protocol that host and plugin use, and the
// protocol: [goplugin.ProtocolGRPC] or [goplugin.ProtocolNetRPC]. An implementation
// [InProcess] has neither.
func (c *Client[T]) Protocol() (version int, protocol goplugin.Protocol) {
	if in := c.current.Load(); in != nil {
		return in.version, in.protocol
	}
	return 0, goplugin.ProtocolInvalid
}

// InFlight returns the number of calls in flight on the live process. It is for tests
// and monitoring: the number may have changed when it is returned.
func (c *Client[T]) InFlight() int {
	if in := c.current.Load(); in != nil {
		return in.calls.count()
	}
	return 0
}
