package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/espalier-go/espalier/store"
)

// ErrInjected is wrapped by the errors of faults of a [Faulty].
var ErrInjected = errors.New("injected fault")

// Faults say what a [Faulty] does to the calls that pass through it. Shares are from 0 to
// 1. The zero Faults do nothing.
type Faults struct {
	// Delay is the longest time that a call waits before it reaches the store, and that
	// its answer takes to come back.
	Delay time.Duration
	// Fail is the share of calls that fail with [ErrInjected] and without an effect.
	Fail float64
	// Unknown is the share of commits that return [store.ErrUnknown]. A third of them
	// takes effect before the commit returns, a third up to Late after it, and a third
	// never.
	Unknown float64
	// Late is the longest time after which a commit of unknown outcome takes effect.
	Late time.Duration
	// Break is the share of batches after which a watch ends with [ErrInjected].
	Break float64
	// Compacted is the share of watches that end at once with [store.ErrCompacted].
	Compacted float64
}

// A Faulty is a [store.Store] that passes calls on to another one, with faults. Several
// of them on one store stand for the connections of several nodes. All methods are safe
// for concurrent use.
type Faulty struct {
	store store.Store
	late  sync.WaitGroup // commits that take effect after their calls have returned

	mu     sync.Mutex // protects the fields below
	random *rand.Rand
	faults Faults
	healed chan struct{} // closed when the connection is restored; nil if it is not cut
}

// NewFaulty returns a connection to a store with the given faults. Equal seeds give equal
// decisions for equal sequences of calls.
func NewFaulty(s store.Store, seed uint64, faults Faults) *Faulty {
	return &Faulty{store: s, random: rand.New(rand.NewPCG(seed, seed)), faults: faults}
}

// SetFaults replaces the faults for the calls that begin from now on.
func (f *Faulty) SetFaults(faults Faults) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = faults
}

// Cut cuts the connection. Calls wait until [Faulty.Heal], or until their context ends. A
// commit whose context ends meanwhile returns [store.ErrUnknown], and one in two of these
// has taken effect. Watches yield nothing.
func (f *Faulty) Cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.healed == nil {
		f.healed = make(chan struct{})
	}
}

// Heal restores a connection that was cut.
func (f *Faulty) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.healed != nil {
		close(f.healed)
		f.healed = nil
	}
}

// Wait waits for the commits that take effect after their calls have returned. Call it at
// the end of a test, when no other call is made.
func (f *Faulty) Wait() { f.late.Wait() }

// Limits implements [store.Store].
func (f *Faulty) Limits() store.Limits { return f.store.Limits() }

// happens decides whether a fault with a share happens.
func (f *Faulty) happens(share func(Faults) float64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.random.Float64() < share(f.faults)
}

// upTo returns a random time up to that of the faults.
func (f *Faulty) upTo(longest func(Faults) time.Duration) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := longest(f.faults); d > 0 {
		return time.Duration(f.random.Int64N(int64(d)))
	}
	return 0
}

func delayOf(fs Faults) time.Duration { return fs.Delay }

// connected waits until the connection is not cut. The error is the cause of ctx.
func (f *Faulty) connected(ctx context.Context) error {
	f.mu.Lock()
	healed := f.healed
	f.mu.Unlock()
	if healed == nil {
		return nil
	}
	select {
	case <-healed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// pass makes a call that changes nothing, or whose change does no harm if it is lost.
func (f *Faulty) pass(ctx context.Context, call func() error) error {
	if f.happens(func(fs Faults) float64 { return fs.Fail }) {
		return ErrInjected
	}
	if err := f.travel(ctx); err != nil {
		return err
	}
	if err := call(); err != nil {
		return err
	}
	return f.travel(ctx)
}

// travel takes as long as a request or an answer is on its way.
func (f *Faulty) travel(ctx context.Context) error {
	if err := sleep(ctx, f.upTo(delayOf)); err != nil {
		return err
	}
	return f.connected(ctx)
}

// Get implements [store.Store].
func (f *Faulty) Get(ctx context.Context, key string) (e store.Entry, err error) {
	err = f.pass(ctx, func() error { e, err = f.store.Get(ctx, key); return err })
	return e, err
}

// List implements [store.Store].
func (f *Faulty) List(ctx context.Context, prefix string) (list []store.Entry, rev store.Rev, err error) {
	err = f.pass(ctx, func() error { list, rev, err = f.store.List(ctx, prefix); return err })
	return list, rev, err
}

// Lease implements [store.Store].
func (f *Faulty) Lease(ctx context.Context, ttl time.Duration) (id store.LeaseID, granted time.Duration, err error) {
	err = f.pass(ctx, func() error { id, granted, err = f.store.Lease(ctx, ttl); return err })
	return id, granted, err
}

// Renew implements [store.Store].
func (f *Faulty) Renew(ctx context.Context, id store.LeaseID) error {
	return f.pass(ctx, func() error { return f.store.Renew(ctx, id) })
}

// Revoke implements [store.Store].
func (f *Faulty) Revoke(ctx context.Context, id store.LeaseID) error {
	return f.pass(ctx, func() error { return f.store.Revoke(ctx, id) })
}

// Commit implements [store.Store].
func (f *Faulty) Commit(ctx context.Context, tx store.Tx) (store.Result, error) {
	results, err := f.commit(ctx, func(ctx context.Context) ([]store.Result, error) {
		r, err := f.store.Commit(ctx, tx)
		return []store.Result{r}, err
	})
	if err != nil {
		return store.Result{}, err
	}
	return results[0], nil
}

// CommitEach implements [store.Store].
func (f *Faulty) CommitEach(ctx context.Context, txs []store.Tx) ([]store.Result, error) {
	return f.commit(ctx, func(ctx context.Context) ([]store.Result, error) { return f.store.CommitEach(ctx, txs) })
}

func (f *Faulty) commit(ctx context.Context, call func(context.Context) ([]store.Result, error)) ([]store.Result, error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("commit: %w", context.Cause(ctx))
	}
	if f.happens(func(fs Faults) float64 { return fs.Fail }) {
		return nil, fmt.Errorf("commit: %w", ErrInjected)
	}
	if f.happens(func(fs Faults) float64 { return fs.Unknown }) {
		return nil, f.loseOutcome(ctx, call)
	}
	if err := sleep(ctx, f.upTo(delayOf)); err != nil {
		return nil, fmt.Errorf("commit: %w", err) // it was not sent
	}
	if err := f.connected(ctx); err != nil {
		if f.happens(func(Faults) float64 { return 0.5 }) {
			call(context.WithoutCancel(ctx))
		}
		return nil, store.Unknown(err)
	}
	results, err := call(ctx)
	if err != nil {
		return nil, err
	}
	if err := f.travel(ctx); err != nil {
		return nil, store.Unknown(err)
	}
	return results, nil
}

// loseOutcome makes a commit of unknown outcome.
func (f *Faulty) loseOutcome(ctx context.Context, call func(context.Context) ([]store.Result, error)) error {
	detached := context.WithoutCancel(ctx)
	f.mu.Lock()
	fate := f.random.IntN(3)
	f.mu.Unlock()
	switch fate {
	case 0:
		call(detached)
	case 1:
		wait := f.upTo(func(fs Faults) time.Duration { return fs.Late })
		f.late.Go(func() {
			time.Sleep(wait)
			call(detached)
		})
	}
	return store.Unknown(ErrInjected)
}

// Watch implements [store.Store].
func (f *Faulty) Watch(ctx context.Context, prefix string, after store.Rev) iter.Seq2[store.Batch, error] {
	return func(yield func(store.Batch, error) bool) {
		if f.happens(func(fs Faults) float64 { return fs.Compacted }) {
			yield(store.Batch{}, fmt.Errorf("watch: %w: %w", store.ErrCompacted, ErrInjected))
			return
		}
		for batch, err := range f.store.Watch(ctx, prefix, after) {
			if err == nil {
				err = sleep(ctx, f.upTo(delayOf))
			}
			if err == nil {
				err = f.connected(ctx)
			}
			if err == nil && f.happens(func(fs Faults) float64 { return fs.Break }) {
				err = ErrInjected
			}
			if err != nil {
				yield(store.Batch{}, err)
				return
			}
			if !yield(batch, nil) {
				return
			}
		}
	}
}
