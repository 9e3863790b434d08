// Package kv holds state that supervised workers share and their restarts
// keep: a [Context] is a typed map, safe for concurrent use, that outlives the
// workers that read and write it.
//
// # Guarantees
//
//  1. The zero Context is empty and ready to use. It must not be copied after
//     first use.
//  2. Every method may be called by any number of goroutines. The operations on
//     one key are linearizable: each takes effect at one moment between its call
//     and its return. There are no transactions over several keys.
//  3. No code of the caller ever runs under a lock. The functions given to
//     [Context.Update] and [Context.View], and the bodies of loops over
//     [Context.All], [Context.Keys] and [Context.Watch], may call any method of
//     the same Context, for any key, and may block; nobody waits for them, so
//     they cannot deadlock.
//  4. An Update takes effect only if its key did not change while the function
//     ran; otherwise the function runs again, with the new value. So it can run
//     more than once, and should do nothing but decide.
//  5. An Update function that changes its own key by another call spoils its own
//     run. Update finds that out when it happens again in the fourth run, and ends
//     with [ErrReentrant]: what the function changed by those calls stays, what
//     it decided is dropped. Reading its own key is harmless and shows the key as
//     it stands.
//  6. An Update that cannot win ends with [ErrConflict] after a thousand runs. It
//     takes a function that runs long on a key that others keep changing, or one
//     that waits for another goroutine that changes the key. Short functions do
//     not get there: after a few lost runs, writers of the key give way for a
//     moment.
//  7. A function that panics or calls runtime.Goexit leaves its key as it was,
//     and the Context usable.
//  8. Values are copied as by assignment: what a value points to is shared. A
//     stored value is never modified in place.
//  9. A watcher is told of every change that takes effect after [Context.Watch]
//     or [Context.WatchAll] returned, or of how many it missed. Changes of one
//     key come in the order in which they took effect; so do changes of which
//     one had returned before the other was called. Watchers never hold up a
//     writer, and cost it one atomic load when there are none.
//  10. A key that is not equal to itself names nothing: a NaN, or an interface
//     that holds a slice, a map or a function. It is never present, and to set it
//     does nothing; Update reports [ErrKey].
//  11. No function panics on its arguments. (A nil *Context is not an argument;
//     its methods panic as those of any nil pointer.)
//  12. The package keeps no goroutine. What ends a watch when its context does is
//     a [context.AfterFunc], for which package context needs a goroutine if the
//     context is neither its own nor has a method AfterFunc, as those of workers do.
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
// To follow a key from its present value on, watch first and read second; what
// changes in between is then seen twice rather than never:
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

// A Context is a typed map shared by workers. The package comment states what
// it guarantees. The zero value is empty and ready to use; a Context must not
// be copied after first use.
type Context[K comparable, V any] struct {
	// entries is nil until the first write. What stands below is read only
	// after it was seen set.
	entries atomic.Pointer[xsync.Map[K, *entry[V]]]
	opening sync.Mutex // held while entries is made
	partial bool       // some K are not equal to themselves

	guards   guards[K]
	watchers watchers[K, V]
}

// Get returns the value of key, and whether it is present.
// It takes no lock and does not allocate.
func (c *Context[K, V]) Get(key K) (value V, ok bool) {
	// The same as current, by hand: the call would cost a tenth of a Get.
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

// View calls f with the value of key, without copying it, and reports whether
// key is present; if it is not, f is not called. It takes no lock.
//
// f must not write through the pointer. Since stored values are never modified,
// what f sees cannot change under it, whatever happens to the key meanwhile, and
// f may keep the pointer, which keeps that value in memory.
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

// Len returns the number of keys present. It is exact while nobody writes, and
// takes time proportional to the number of processors, not of keys.
func (c *Context[K, V]) Len() int {
	m := c.entries.Load()
	if m == nil {
		return 0
	}
	return m.Size()
}

// Set makes value the value of key.
func (c *Context[K, V]) Set(key K, value V) {
	if !c.open(key) {
		return
	}
	c.guards.giveWay(key)
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

// GetOrSet returns the value of key if it is present, and otherwise makes value
// its value. It returns the value that key has then, and whether it was there
// before. A caller whose value was not taken has changed nothing.
func (c *Context[K, V]) GetOrSet(key K, value V) (actual V, loaded bool) {
	if actual, ok := c.Get(key); ok {
		return actual, true
	}
	if !c.open(key) {
		return value, false
	}
	c.guards.giveWay(key)
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

// Delete removes key and returns the value it had, and whether it was present.
func (c *Context[K, V]) Delete(key K) (old V, ok bool) {
	if c.current(key) == nil {
		return old, false
	}
	c.guards.giveWay(key)
	e := c.lock(key)
	if e == nil {
		return old, false
	}
	old = *e.value.Load()
	c.remove(key, e)
	return old, true
}
