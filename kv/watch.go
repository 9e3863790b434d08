package kv

import (
	"context"
	"iter"
)

// A Change describes one change of one key.
type Change[K comparable, V any] struct {
	Key     K
	Value   V    // the zero V if Present is false
	Present bool // false if the key was deleted

	// Skipped is the number of changes that were dropped right before this one
	// because the buffer was full. It is 0 for a watcher that keeps up.
	Skipped int
}

// DefaultBuffer is the buffer size of a watch that asks for less than 1.
const DefaultBuffer = 64

// Watch returns an iterator over the changes of key from now on, until ctx is
// done. Each Set is a change, even to an equal value.
//
// Up to buffer changes wait for the loop ([DefaultBuffer] if buffer is less than
// 1). Memory grows as needed. When the buffer is full the oldest changes are
// dropped, and the next Change has their number. A slow reader loses history but
// ends up with the latest state of the key.
//
// The watch begins when Watch is called. It ends when ctx is done or a loop over
// the iterator ends, and drops the changes that the loop has not received. A
// watch without a loop lasts as long as ctx.
func (c *Context[K, V]) Watch(ctx context.Context, key K, buffer int) iter.Seq[Change[K, V]] {
	w := newWatcher[K, V](buffer)
	if !selfEqual(key) {
		return w.watch(ctx, func() {}, func() {})
	}
	return w.watch(ctx,
		func() { c.watchers.addKey(key, w) },
		func() { c.watchers.removeKey(key, w) })
}

// WatchAll is like [Context.Watch] for all keys together. The latest change of
// some key may be among the dropped ones, so a reader that sees Skipped above 0
// should read the whole Context again.
func (c *Context[K, V]) WatchAll(ctx context.Context, buffer int) iter.Seq[Change[K, V]] {
	w := newWatcher[K, V](buffer)
	return w.watch(ctx,
		func() { c.watchers.addAll(w) },
		func() { c.watchers.removeAll(w) })
}

// watch registers w at once and returns the iterator over its changes.
func (w *watcher[K, V]) watch(ctx context.Context, register, unregister func()) iter.Seq[Change[K, V]] {
	ctx, cancel := context.WithCancel(ctx)
	register()
	context.AfterFunc(ctx, unregister)
	return func(yield func(Change[K, V]) bool) {
		defer unregister() // at once, and not when the AfterFunc runs
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
