// Package kv provides Context, a typed map for state that supervised workers
// share and that survives their restarts.
//
// A [Context] is not a context.Context. It is a concurrent map from keys of type
// K to values of type V that outlives the workers that read and write it.
//
// # Guarantees
//
//  1. The zero Context is empty and ready to use. It must not be copied after
//     first use.
//  2. All methods are safe for concurrent use. Operations on one key are
//     linearizable. There are no transactions over several keys.
//  3. No code of the caller runs under a lock. The functions passed to
//     [Context.Update] and [Context.View], and the bodies of loops over
//     [Context.All], [Context.Keys] and [Context.Watch], may call any method of
//     the same Context for any key, and may block. They cannot deadlock.
//  4. An Update takes effect only if its key did not change while the function
//     ran. Otherwise the function runs again with the new value, so it may run
//     more than once and should do nothing but decide.
//  5. An Update that loses a thousand runs returns [ErrConflict]. This takes a
//     slow function on a key that others keep changing, or a function that
//     changes its own key by another call. Short functions do not get there,
//     because writers of the key yield after a few lost runs. A function may
//     read its own key.
//  6. A function that panics or calls runtime.Goexit leaves its key as it was,
//     and the Context usable.
//  7. Values are copied by assignment, so what a value points to is shared. A
//     stored value is never modified in place.
//  8. A watcher receives every change that takes effect after [Context.Watch] or
//     [Context.WatchAll] returned, or the number of changes that it missed.
//     Changes of one key arrive in the order in which they took effect, and so
//     do changes of different keys if one call returned before the other began.
//     Watchers never delay a writer. Without watchers they cost a writer one
//     atomic load.
//  9. A key that is not equal to itself (a NaN, or an interface that holds a
//     slice, a map or a function) is never present. Setting it has no effect,
//     and Update returns [ErrKey].
//  10. No function panics because of its arguments. Methods of a nil *Context
//     panic like those of any nil pointer, and a nil context.Context is a
//     mistake of the caller, as everywhere in Go.
//  11. The package keeps no goroutine. A watch ends by a [context.AfterFunc],
//     for which package context starts a goroutine only if the context is
//     neither its own nor has a method AfterFunc. Contexts of workers have it.
//
// # Usage
//
// Declare a Context where it outlives the workers, and let their start
// functions close over it:
//
//	var quotes kv.Context[Symbol, Quote]
//
//	quotes.Set("ACME", q)
//	q, ok := quotes.Get("ACME")
//	err := quotes.Update("ACME", func(q Quote, ok bool) (Quote, kv.Op) {
//		if ok && q.Time.After(last) {
//			return q, kv.Keep
//		}
//		return next, kv.Set
//	})
//	total := kv.Add(&counts, "files", 1)
//
// To follow a key from its present value on, watch first and read second. A
// change in between is then seen twice instead of never:
//
//	changes := quotes.Watch(ctx, "ACME", 0)
//	q, ok := quotes.Get("ACME")
//	for c := range changes {
//		…
//	}
package kv

import (
	"sync"
	"sync/atomic"

	"github.com/puzpuzpuz/xsync/v4"
)

// Context is a typed map shared by workers, and not a context.Context.
// The package comment states its guarantees. The zero value is empty and ready
// to use. A Context must not be copied after first use.
type Context[K comparable, V any] struct {
	// entries is nil until the first write. The field partial is written before
	// entries is set, and read only by callers that have seen it set.
	entries atomic.Pointer[xsync.Map[K, *entry[V]]]
	opening sync.Mutex // held to create entries
	partial bool       // set if some values of K are not equal to themselves

	guards   guards[K]
	watchers watchers[K, V]
}

// Get returns the value of key and whether key is present.
// It takes no lock and does not allocate.
func (c *Context[K, V]) Get(key K) (value V, ok bool) {
	// This is current, inlined by hand, because a call adds a tenth to a Get.
	if m := c.entries.Load(); m != nil && (!c.partial || selfEqual(key)) {
		if e, _ := m.Load(key); e != nil {
			if p := e.value.Load(); p != nil {
				return *p, true
			}
		}
	}
	return value, false
}

// Has reports whether key is present.
func (c *Context[K, V]) Has(key K) bool {
	return c.current(key) != nil
}

// View calls f with a pointer to the value of key and reports whether key is
// present. It does not copy the value, takes no lock, and does not call f if key
// is absent or f is nil.
//
// f must not write through the pointer. Stored values are never modified, so the
// value that f sees does not change even if key does. f may keep the pointer,
// which keeps that value in memory.
func (c *Context[K, V]) View(key K, f func(value *V)) bool {
	p := c.current(key)
	if p == nil {
		return false
	}
	if f != nil {
		f(p)
	}
	return true
}

// Len returns the number of keys present. It is exact if there are no concurrent
// writes. It takes time proportional to the number of processors, not of keys.
func (c *Context[K, V]) Len() int {
	m := c.entries.Load()
	if m == nil {
		return 0
	}
	return m.Size()
}

// Set sets key to value.
func (c *Context[K, V]) Set(key K, value V) {
	if !c.open(key) {
		return
	}
	c.guards.giveWay(key, nil)
	p := &value
	for {
		if e := c.lock(key); e != nil {
			c.replace(key, e, p)
			return
		}
		if c.insert(key, p) {
			return
		}
	}
}

// GetOrSet returns the value of key if key is present, and otherwise sets key to
// value and returns that. The result loaded reports whether key was present, in
// which case nothing has changed.
func (c *Context[K, V]) GetOrSet(key K, value V) (actual V, loaded bool) {
	if actual, ok := c.Get(key); ok {
		return actual, true
	}
	if !c.open(key) {
		return value, false
	}
	c.guards.giveWay(key, nil)
	p := &value
	for {
		if e := c.lock(key); e != nil {
			actual = *e.value.Load()
			e.mu.Unlock()
			return actual, true
		}
		if c.insert(key, p) {
			return value, false
		}
	}
}

// Delete removes key. It returns the removed value and whether key was present.
func (c *Context[K, V]) Delete(key K) (old V, ok bool) {
	if c.current(key) == nil {
		return old, false
	}
	c.guards.giveWay(key, nil)
	e := c.lock(key)
	if e == nil {
		return old, false
	}
	old = *e.value.Load()
	c.remove(key, e)
	return old, true
}
