package main

import (
	"context"
	"slices"
	"sync"

	"github.com/espalier-go/espalier/sup"
)

// The limits: the same operations without a supervisor, written by hand.

// bare is a goroutine that can be cancelled and waited for.
type bare struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// bares are goroutines that can be cancelled, and waited for, one by one or all
// together.
type bares struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	all    []bare
}

func newBares() *bares {
	b := new(bares)
	b.ctx, b.cancel = context.WithCancel(context.Background())
	return b
}

func (b *bares) start(w sup.Worker) bare {
	ctx, cancel := context.WithCancel(b.ctx)
	done := make(chan struct{})
	b.wg.Go(func() {
		defer close(done)
		_ = w.Run(ctx)
	})
	return bare{cancel, done}
}

func (b *bares) startAll(n int, w sup.Worker) {
	b.all = make([]bare, 0, n)
	for range n {
		b.all = append(b.all, b.start(w))
	}
}

// startInTurn starts each goroutine when the previous one has entered Run. This
// is the cost of a call that returns when its child is ready.
func (b *bares) startInTurn(n int, w sup.Worker) {
	b.all = make([]bare, 0, n)
	for range n {
		ready := make(chan struct{})
		b.all = append(b.all, b.start(&announced{w, ready}))
		<-ready
	}
}

// announced is a worker that reports its entry into Run.
type announced struct {
	sup.Worker
	ready chan struct{}
}

func (w *announced) Run(ctx context.Context) error {
	close(w.ready)
	return w.Worker.Run(ctx)
}

// stopInTurn stops each goroutine when the one after it has returned.
func (b *bares) stopInTurn() {
	for _, one := range slices.Backward(b.all) {
		one.cancel()
		<-one.done
	}
}

func (b *bares) stop() {
	b.cancel()
	b.wg.Wait()
}

// A respawner runs a worker repeatedly until ctx ends.
type respawner func(ctx context.Context, w sup.Worker)

// byCall is limit (a): the same goroutine calls Run in a loop.
func byCall(ctx context.Context, w sup.Worker) {
	for ctx.Err() == nil {
		call(ctx, w)
	}
}

// byOwner is limit (b): each run has its own goroutine, and an owner waits for
// its end.
func byOwner(ctx context.Context, w sup.Worker) {
	for ctx.Err() == nil {
		done := make(chan struct{})
		go func() {
			defer close(done)
			call(ctx, w)
		}()
		<-done
	}
}

// byChain is limit (b'): each run has its own goroutine, which starts the next
// one before it returns. Nothing waits for its end.
func byChain(ctx context.Context, w sup.Worker) {
	over := make(chan struct{})
	var live func()
	live = func() {
		call(ctx, w)
		if ctx.Err() != nil {
			close(over)
			return
		}
		go live()
	}
	go live()
	<-over
}

func call(ctx context.Context, w sup.Worker) {
	defer func() { _ = recover() }()
	_ = w.Run(ctx)
}
