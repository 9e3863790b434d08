package kv

import (
	"context"
	"iter"
)

// A Change is what a watcher is told of one change of one key.
type Change[K comparable, V any] struct {
	Key     K
	Value   V    // the zero V if key is not Present
	Present bool // false: the key was deleted

	// Skipped is how many changes were dropped right before this one, because
	// the watcher's buffer was full. It is 0 for a watcher that keeps up.
	Skipped int
}

// DefaultBuffer is how many changes are kept for a watcher that asks for less
// than one.
const DefaultBuffer = 64

// Watch returns the changes of key that take effect from now on, until ctx is
// done; a nil ctx is never done. Each Set counts, also one to an equal value.
//
// Up to buffer changes wait for the loop to take them ([DefaultBuffer] if buffer
// is less than one; memory is taken as needed). When there are more, the oldest
// are dropped, and the next Change tells how many. So whoever is slow loses
// history, but ends up with the key's latest state.
//
// The watch begins with the call of Watch and ends when ctx is done or when a
// loop over the iterator ends; changes not taken until then are dropped.
// A watch that no loop ever ends lasts as long as ctx.
func (c *Context[K, V]) Watch(ctx context.Context, key K, buffer int) iter.Seq[Change[K, V]] {
	w := newWatcher[K, V](buffer)
	if !selfEqual(key) {
		return w.watch(ctx, func() {}, func() {})
	}
	return w.watch(ctx,
		func() { c.watchers.addKey(key, w) },
		func() { c.watchers.removeKey(key, w) })
}

// WatchAll is [Context.Watch] for all keys together. When it has to skip, the
// latest change of some key may be among the skipped: a Change that has Skipped
// set is the sign to look at the whole again.
func (c *Context[K, V]) WatchAll(ctx context.Context, buffer int) iter.Seq[Change[K, V]] {
	w := newWatcher[K, V](buffer)
	return w.watch(ctx,
		func() { c.watchers.addAll(w) },
		func() { c.watchers.removeAll(w) })
}

// watch registers w at once and returns the iterator over what it is told.
func (w *watcher[K, V]) watch(ctx context.Context, register, unregister func()) iter.Seq[Change[K, V]] {
	if ctx == nil {
		ctx = context.Background()
	}
	ctx, cancel := context.WithCancel(ctx)
	register()
	context.AfterFunc(ctx, unregister)
	return func(yield func(Change[K, V]) bool) {
		defer unregister() // now, not when AfterFunc gets round to it
		defer cancel()
		for ctx.Err() == nil {
			if change, ok := w.take(); ok {
				if !yield(change) {
					return
				}
				continue
			}
			select {
			case <-w.wake:
			case <-ctx.Done():
			}
		}
	}
}
