package suptest

import (
	"context"
	"sync"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A Worker does what a test tells it. The zero Worker is a good one: it is
// ready at once, runs until it is told to stop, and then does. Embed it in
// types that the tree wants:
//
//	type fakeFeed struct {
//		suptest.Worker
//		symbol string
//	}
//
// All methods are safe for concurrent use. A Worker must not be copied.
type Worker struct {
	// OnInitialize, OnRun and OnTerminate take the place of what the worker
	// does by itself, where they are set.
	OnInitialize func(ctx context.Context) error
	OnRun        func(ctx context.Context) error
	OnTerminate  func(ctx context.Context, exit sup.Exit) error
	// Beats is how often the worker beats, for its watchdog. 0 means never.
	Beats time.Duration

	mu      sync.Mutex
	returns chan error         // made in the bubble that the worker lives in
	hangs   chan chan struct{} // likewise
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

// Return ends the Run of the worker with err, nil for a normal exit; if it does
// not run yet, as soon as it does. The effect is to be seen once everything has
// settled: after an expectation, or [testing/synctest.Wait].
func (w *Worker) Return(err error) {
	returns, _ := w.commands()
	select {
	case returns <- err:
	default: // the first one counts
	}
}

// Hang lets the Run of the worker hang until release is called: it does not
// beat, nor stop when it is told to. A test has to call release, deferred if
// not before.
func (w *Worker) Hang() (release func()) {
	_, hangs := w.commands()
	released := make(chan struct{})
	select {
	case hangs <- released:
	default: // it is about to hang already, until that is released
	}
	return sync.OnceFunc(func() { close(released) })
}

// commands returns the channels of the worker.
func (w *Worker) commands() (returns chan error, hangs chan chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.returns == nil {
		w.returns, w.hangs = make(chan error, 1), make(chan chan struct{}, 1)
	}
	return w.returns, w.hangs
}
