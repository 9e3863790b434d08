package kv

import "iter"

// All returns an iterator over the keys and values.
//
// It is no snapshot. A key that is present from the start of the loop to its end
// comes exactly once; one that is set or deleted meanwhile comes once or not at
// all; each value is one that its key had at some time during the loop. The order
// is unspecified. The loop's body may change c.
func (c *Context[K, V]) All() iter.Seq2[K, V] {
	return func(yield func(K, V) bool) {
		m := c.entries.Load()
		if m == nil {
			return
		}
		m.Range(func(key K, e *entry[V]) bool {
			p := e.value.Load()
			return p == nil || yield(key, *p)
		})
	}
}

// Keys returns an iterator over the keys, in the manner of [Context.All].
func (c *Context[K, V]) Keys() iter.Seq[K] {
	return func(yield func(K) bool) {
		m := c.entries.Load()
		if m == nil {
			return
		}
		m.Range(func(key K, e *entry[V]) bool {
			return e.value.Load() == nil || yield(key)
		})
	}
}

// Clear deletes, one after the other, the keys that are present. A key that is
// set meanwhile may stay.
func (c *Context[K, V]) Clear() {
	for key := range c.Keys() {
		c.Delete(key)
	}
}

// Snapshot returns a copy of c as a map, never nil. While nobody writes it is
// exact. A write that had returned before the call is in it, one that was called
// after the return is not, and of those in between some may be and others not:
// writers are not stopped, so different keys may be from different moments.
func (c *Context[K, V]) Snapshot() map[K]V {
	m := make(map[K]V, c.Len())
	for key, value := range c.All() {
		m[key] = value
	}
	return m
}

// Restore makes c hold what m holds: it deletes the keys that m does not have and
// sets all those that it has, one after the other; a nil map empties c. If
// nobody else writes, a Snapshot afterwards equals m. Watchers see every deletion
// and every Set, also where the value was the same before. Keys of m that are not
// equal to themselves are left out.
//
// m must not be written to while Restore runs.
func (c *Context[K, V]) Restore(m map[K]V) {
	for key := range c.Keys() {
		if _, ok := m[key]; !ok {
			c.Delete(key)
		}
	}
	for key, value := range m {
		c.Set(key, value)
	}
}
