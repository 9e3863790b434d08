package suptest

import (
	"context"
	"sync"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A Worker is a worker that a test controls. The zero Worker is ready at once, runs
// until its context is done, and stops then. Embed it in the types that a tree needs:
//
//	type fakeFeed struct {
//		suptest.Worker
//		symbol string
//	}
//
// All methods are safe for concurrent use. A Worker must not be copied.
type Worker struct {
	// OnInitialize replaces Initialize. If nil, Initialize returns nil.
	OnInitialize func(ctx context.Context) error
	// OnRun replaces Run, and with it Return, Hang and Beats, unless it is nil.
	OnRun func(ctx context.Context) error
	// OnTerminate replaces Terminate. If nil, Terminate returns nil.
	OnTerminate func(ctx context.Context, exit sup.Exit) error
	// Beats is the interval of the calls of [sup.Beat]. 0 means no calls.
	Beats time.Duration

	// The channels are made on demand, in the bubble of the test that uses them.

	mu      sync.Mutex
	returns chan error
	hangs   chan chan struct{}
}

// Initialize implements [sup.Initializer].
func (w *Worker) Initialize(ctx context.Context) error {
	if w.OnInitialize == nil {
		return nil
	}
	return w.OnInitialize(ctx)
}

// Run implements [sup.Worker].
func (w *Worker) Run(ctx context.Context) error {
	if w.OnRun != nil {
		return w.OnRun(ctx)
	}
	returns, hangs := w.commands()
	var beat <-chan time.Time
	if w.Beats > 0 {
		ticker := time.NewTicker(w.Beats)
		defer ticker.Stop()
		beat = ticker.C
	}
	for {
		select {
		case err := <-returns:
			return err
		case released := <-hangs:
			<-released
		case <-beat:
			sup.Beat(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Terminate implements [sup.Terminator].
func (w *Worker) Terminate(ctx context.Context, exit sup.Exit) error {
	if w.OnTerminate == nil {
		return nil
	}
	return w.OnTerminate(ctx, exit)
}

// Return makes Run return err, nil for a normal exit. If the worker does not run yet,
// Run returns as soon as it is called. The effect is visible once the test has
// settled: after an expectation, or [Settle].
func (w *Worker) Return(err error) {
	returns, _ := w.commands()
	select {
	case returns <- err:
	default: // the first call counts
	}
}

// Hang makes Run hang until release is called. Meanwhile the worker neither beats nor
// stops. A test must call release, at the latest deferred.
func (w *Worker) Hang() (release func()) {
	_, hangs := w.commands()
	released := make(chan struct{})
	select {
	case hangs <- released:
	default: // the worker is about to hang already, until that call is released
	}
	return sync.OnceFunc(func() { close(released) })
}

// commands returns the channels of the worker, and makes them on the first call.
func (w *Worker) commands() (returns chan error, hangs chan chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.returns == nil {
		w.returns, w.hangs = make(chan error, 1), make(chan chan struct{}, 1)
	}
	return w.returns, w.hangs
}
