package sup

import (
	"context"
	"fmt"
	"time"
)

// Every returns the start function of a worker that calls f once in each interval of
// length d, for as long as the worker runs:
//
//	{ID: "poll", Start: sup.Every(time.Minute, poll)}
//
// The first call comes after d, so a worker that always fails calls f no more often than
// one that does not. For a call at once, and a child that is ready after it, call f in a
// start function of your own:
//
//	Start: func(ctx context.Context) (sup.Worker, error) {
//		if err := poll(ctx); err != nil {
//			return nil, err
//		}
//		return sup.Every(time.Minute, poll)(ctx)
//	},
//
// Calls never overlap. If f takes longer than d, the calls that it misses are skipped, as
// by a [time.Ticker].
//
// An error or a panic of f ends the worker, like that of any Run, and counts as a restart
// if the child is restarted. If a failure is no reason for that, let f log it and return
// nil. f ends a [Transient] child by an error that wraps [ErrShutdown].
//
// f gets the context of the worker. The worker calls [Beat] before and after each
// call of f, so a Watchdog must be longer than d and longer than a call. If d is not
// positive or f is nil, the start fails.
func Every(d time.Duration, f func(ctx context.Context) error) func(ctx context.Context) (Worker, error) {
	return func(context.Context) (Worker, error) {
		switch {
		case d <= 0:
			return nil, fmt.Errorf("interval %v of Every: give one above 0", d)
		case f == nil:
			return nil, fmt.Errorf("nil function of Every: give one to call every %v", d)
		}
		return &ticker{d, f}, nil
	}
}

// ticker is the worker of Every.
type ticker struct {
	interval time.Duration
	f        func(ctx context.Context) error
}

// Run implements [Worker].
func (t *ticker) Run(ctx context.Context) error {
	tick := time.NewTicker(t.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if ctx.Err() != nil { // both may have been ready
			return ctx.Err()
		}
		Beat(ctx)
		if err := t.f(ctx); err != nil {
			return err
		}
		Beat(ctx)
	}
}
