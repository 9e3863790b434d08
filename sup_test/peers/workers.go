package main

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

var errCrash = errors.New("crash")

// idle does nothing until it is cancelled. All contenders run it, once for each
// child, so that only the contenders differ.
type idle struct{ entered *sync.WaitGroup }

func (w *idle) Run(ctx context.Context) error {
	w.entered.Done()
	<-ctx.Done()
	return ctx.Err()
}

// Serve implements suture.Service.
func (w *idle) Serve(ctx context.Context) error { return w.Run(ctx) }

// crasher is a worker that fails a given number of times without a pause.
type crasher struct {
	left     int
	again    chan int
	finished chan struct{}
}

func newCrasher() *crasher {
	return &crasher{again: make(chan int), finished: make(chan struct{})}
}

func (w *crasher) Run(ctx context.Context) error {
	if w.left > 0 {
		w.left--
		return errCrash
	}
	select {
	case w.finished <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case w.left = <-w.again:
		w.left--
		return errCrash
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *crasher) Serve(ctx context.Context) error { return w.Run(ctx) }

// ready waits until the worker has been started.
func (w *crasher) ready() { <-w.finished }

// crash measures n restarts, from the first exit until the n-th call of Run
// after it.
func (w *crasher) crash(m *meter, n int) {
	m.do(n, func() {
		w.again <- n
		<-w.finished
	})
}

// stormy is a worker that fails together with all others when the storm begins.
type stormy struct {
	idle
	storm atomic.Pointer[chan struct{}]
}

func newStormy(entered *sync.WaitGroup) *stormy {
	w := &stormy{idle: idle{entered}}
	calm := make(chan struct{})
	w.storm.Store(&calm)
	return w
}

func (w *stormy) Run(ctx context.Context) error {
	storm := *w.storm.Load()
	w.entered.Done()
	select {
	case <-storm:
		return errCrash
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *stormy) Serve(ctx context.Context) error { return w.Run(ctx) }

// strike measures a storm, from the moment when n workers fail until all have
// entered Run again.
func (w *stormy) strike(m *meter, n int) {
	w.entered.Wait()
	w.entered.Add(n)
	m.do(n, func() {
		next := make(chan struct{})
		close(*w.storm.Swap(&next))
		w.entered.Wait()
	})
}

// timed is a worker that fails without a pause during another operation. It
// records the longest time until it ran again.
type timed struct {
	busy           atomic.Bool
	lives          atomic.Int64
	resume, paused chan struct{}
	exited         time.Time // zero if no immediate restart was expected
	longest        time.Duration
}

func newTimed() *timed {
	return &timed{resume: make(chan struct{}), paused: make(chan struct{})}
}

func (w *timed) Run(ctx context.Context) error {
	if !w.exited.IsZero() {
		w.longest = max(w.longest, time.Since(w.exited))
	}
	if w.busy.Load() {
		w.lives.Add(1)
		w.exited = time.Now()
		return errCrash
	}
	w.exited = time.Time{}
	select {
	case w.paused <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-w.resume:
		return errCrash
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *timed) longestWhile(f func()) time.Duration {
	w.longest = 0
	w.lives.Store(0)
	w.busy.Store(true)
	w.resume <- struct{}{}
	for w.lives.Load() < 100 { // until the crash loop is running
		runtime.Gosched()
	}
	f()
	w.busy.Store(false)
	<-w.paused
	return w.longest
}
