package kv

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/espalier-go/espalier/store"
)

// Set sets key to value. It returns an error that wraps [store.ErrUnknown] if it is not
// known whether it has, or will.
func (s *Stored[K, V]) Set(ctx context.Context, key K, value V) error {
	at, err := s.keyOf(key)
	if err == nil {
		err = s.set(ctx, at, value)
	}
	if err != nil {
		return s.callError("set", key, err)
	}
	return nil
}

func (s *Stored[K, V]) set(ctx context.Context, at string, value V) error {
	data, err := s.encode(at, newStamp(), value)
	if err != nil {
		return err
	}
	_, err = s.commit(ctx, store.Tx{Do: []store.Op{store.Put(at, data)}})
	return err
}

// newStamp returns the stamp of a call, which no other call has.
func newStamp() uint64 { return rand.Uint64() }

// GetOrSet returns the value of key if key is present, and otherwise sets key to value and
// returns that. The result loaded reports whether key was present. See
// [Stored.Update] for the errors.
func (s *Stored[K, V]) GetOrSet(ctx context.Context, key K, value V) (actual V, loaded bool, err error) {
	err = s.Update(ctx, key, func(old V, ok bool) (V, Op) {
		if actual, loaded = old, ok; ok {
			return old, Keep
		}
		actual = value
		return value, Set
	})
	return actual, loaded, err
}

// Delete removes key. It returns the removed value and whether key was present. A value
// that cannot be decoded is not deleted. See [Stored.Update] for the errors.
func (s *Stored[K, V]) Delete(ctx context.Context, key K) (old V, ok bool, err error) {
	err = s.Update(ctx, key, func(value V, present bool) (V, Op) {
		old, ok = value, present
		return value, Delete
	})
	return old, ok, err
}

// maxRuns is the number of runs of an Update function, as for a Context.
const maxRuns = freeRuns + guardedRuns

// Update atomically replaces the value of key by the result of f, like
// [Context.Update]. f may run more than once, and only the last run counts.
//
// The error is nil if the decision of f has taken effect. It wraps [store.ErrUnknown] if
// it is not known whether it has, and otherwise it has not.
func (s *Stored[K, V]) Update(ctx context.Context, key K, f func(old V, ok bool) (V, Op)) error {
	if f == nil {
		return errors.New("update: nil function")
	}
	at, err := s.keyOf(key)
	if err == nil {
		err = s.update(ctx, key, at, f)
	}
	if err != nil {
		return s.callError("update", key, err)
	}
	return nil
}

func (s *Stored[K, V]) update(ctx context.Context, key K, at string, f func(V, bool) (V, Op)) error {
	e, err := s.read(ctx, key)
	if err != nil {
		return err
	}
	for run := range maxRuns {
		if run > freeRuns {
			if err := pause(ctx, time.Duration(rand.IntN(min(run, 50)))*100*time.Microsecond); err != nil {
				return err
			}
		}
		op, stamp, err := s.decide(e, at, f)
		if err != nil || op == nil {
			return err
		}
		done, found, err := s.swap(ctx, e, *op, stamp)
		if done {
			return nil
		}
		if err != nil {
			return err
		}
		e = found
	}
	return ErrConflict
}

// decide runs f once. The operation is nil if nothing is to be done.
func (s *Stored[K, V]) decide(e store.Entry, at string, f func(V, bool) (V, Op)) (op *store.Op, stamp uint64, err error) {
	var old V
	if e.Modified != 0 {
		if old, _, err = s.decode(e); err != nil {
			return nil, 0, err
		}
	}
	value, decision := f(old, e.Modified != 0)
	switch {
	case decision < Keep || decision > Delete:
		return nil, 0, fmt.Errorf("function returned %v, want Keep, Set or Delete", decision)
	case decision == Keep, decision == Delete && e.Modified == 0:
		return nil, 0, nil
	case decision == Delete:
		return new(store.Delete(at)), 0, nil
	}
	stamp = newStamp()
	data, err := s.encode(at, stamp, value)
	return new(store.Put(at, data)), stamp, err
}

// swap carries out an operation if its key has not changed since e. Otherwise it returns
// the entry that it found.
//
// An attempt of unknown outcome is made again with the same condition. At most one takes
// effect, because no key has the same revision twice. An absent key can be absent again:
// an attempt that is still on its way could then take effect after another that has been
// undone. So there is one attempt only if the key was absent, and its outcome is read.
func (s *Stored[K, V]) swap(ctx context.Context, e store.Entry, op store.Op, stamp uint64) (done bool, found store.Entry, err error) {
	tx := store.Tx{If: []store.Cond{{Key: op.Key, Rev: e.Modified}}, Do: []store.Op{op}, Read: []string{op.Key}}
	var unknown error
	for wait := time.Millisecond; ; wait = min(2*wait, time.Second) {
		r, err := s.commitOnce(ctx, tx)
		switch {
		case err == nil && r.Done:
			return true, store.Entry{}, nil
		case err == nil && unknown == nil:
			return false, r.Read[0], nil
		case err == nil:
			// An earlier attempt may have changed the key. If its stamp is gone, others
			// have changed it since, or instead.
			if !op.Delete && s.stampOf(r.Read[0]) == stamp {
				return true, store.Entry{}, nil
			}
			if r.Read[0].Modified == e.Modified {
				continue // a fence was renewed
			}
			return false, store.Entry{}, unknown
		case !errors.Is(err, store.ErrUnknown):
			if unknown != nil {
				err = store.Unknown(err)
			}
			return false, store.Entry{}, err
		}
		unknown = err
		if e.Modified == 0 {
			return s.tookEffect(ctx, op.Key, stamp), store.Entry{}, unknown
		}
		if err := pause(ctx, wait); err != nil {
			return false, store.Entry{}, unknown
		}
	}
}

// tookEffect reports whether a key has the value of the call with a stamp.
func (s *Stored[K, V]) tookEffect(ctx context.Context, at string, stamp uint64) bool {
	r, err := s.commitOnce(ctx, store.Tx{Read: []string{at}})
	return err == nil && s.stampOf(r.Read[0]) == stamp
}

func (s *Stored[K, V]) stampOf(e store.Entry) uint64 {
	_, stamp, _ := s.decode(e)
	return stamp
}

// commit carries out a transaction, which has no condition of its own. With a fence in
// ctx, a commit of unknown outcome is settled and done again.
func (s *Stored[K, V]) commit(ctx context.Context, tx store.Tx) (store.Result, error) {
	for {
		r, err := s.commitOnce(ctx, tx)
		fence := store.FenceOf(ctx)
		if fence == nil || !errors.Is(err, store.ErrUnknown) {
			return r, err
		}
		if settled := fence.Settle(ctx); settled != nil {
			return r, errors.Join(err, settled)
		}
	}
}

// commitOnce carries out a transaction, with the condition of the fence in ctx. If the
// fence has refused it, it is done again as the fence says.
func (s *Stored[K, V]) commitOnce(ctx context.Context, tx store.Tx) (store.Result, error) {
	fence := store.FenceOf(ctx)
	if fence == nil {
		if s.spec.Fenced && len(tx.Do) > 0 {
			return store.Result{}, ErrUnfenced
		}
		return s.spec.Store.Commit(ctx, tx)
	}
	for {
		cond, err := fence.Cond()
		if err != nil {
			return store.Result{}, err
		}
		fenced := tx
		fenced.If = append([]store.Cond{cond}, tx.If...)
		fenced.Read = append(append([]string(nil), tx.Read...), cond.Key)
		r, err := s.spec.Store.Commit(ctx, fenced)
		if err != nil {
			return r, err
		}
		owner := r.Read[len(tx.Read)]
		r.Read = r.Read[:len(tx.Read)]
		if r.Done || owner.Modified == cond.Rev {
			return r, nil
		}
		if err := fence.Refused(ctx, owner); err != nil {
			return store.Result{}, err
		}
	}
}

// pause waits for d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// CompareAndSwapStored sets key to value if key is present and its value equals old, and
// reports whether it did. See [Stored.Update] for the errors.
func CompareAndSwapStored[K, V comparable](ctx context.Context, s *Stored[K, V], key K, old, value V) (swapped bool, err error) {
	err = s.Update(ctx, key, func(found V, ok bool) (V, Op) {
		if swapped = ok && equal(found, old); swapped {
			return value, Set
		}
		return found, Keep
	})
	return swapped && err == nil, err
}

// AddStored atomically adds delta to the value of key and returns the sum. An absent key
// counts as zero. See [Stored.Update] for the errors.
func AddStored[K comparable, V Number](ctx context.Context, s *Stored[K, V], key K, delta V) (sum V, err error) {
	err = s.Update(ctx, key, func(old V, _ bool) (V, Op) {
		sum = old + delta
		return sum, Set
	})
	return sum, err
}
