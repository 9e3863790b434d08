package main

import (
	"context"
	"slices"
	"sync"

	"github.com/espalier-go/espalier/sup"
)

// The limits: what the same costs without a supervisor, written by hand.

// bare is a goroutine that can be cancelled and waited for.
type bare struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// bares are goroutines that can be cancelled one by one and all together, and
// waited for in the same two ways.
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

// startInTurn starts each when the one before has entered Run: what a call costs
// that returns when its child is ready.
func (b *bares) startInTurn(n int, w sup.Worker) {
	b.all = make([]bare, 0, n)
	for range n {
		ready := make(chan struct{})
		b.all = append(b.all, b.start(&announced{w, ready}))
		<-ready
	}
}

// announced says that it has entered Run.
type announced struct {
	sup.Worker
	ready chan struct{}
}

func (w *announced) Run(ctx context.Context) error {
	close(w.ready)
	return w.Worker.Run(ctx)
}

// stopInTurn stops each when the one after it is gone.
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

// A respawner runs a worker again and again until ctx ends.
type respawner func(ctx context.Context, w sup.Worker)

// byCall is limit (a): the same goroutine calls Run again.
func byCall(ctx context.Context, w sup.Worker) {
	for ctx.Err() == nil {
		call(ctx, w)
	}
}

// byOwner is limit (b): each life has a goroutine, whose end its owner waits for.
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

// byChain is limit (b'): each life has a goroutine, which starts the next as
// the last thing it does. Nobody notices the end of one.
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
