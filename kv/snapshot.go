package kv

import "iter"

// All returns an iterator over the keys and values, in no particular order.
//
// The iteration is not a snapshot. A key that is present for the whole loop is
// yielded exactly once. A key that is set or deleted during the loop is yielded
// at most once. Each value is one that its key had at some time during the loop.
// The body of the loop may change c.
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

// Keys returns an iterator over the keys. It iterates like [Context.All].
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

// Clear deletes the keys that are present, one after the other. A key that is
// set meanwhile may remain.
func (c *Context[K, V]) Clear() {
	for key := range c.Keys() {
		c.Delete(key)
	}
}

// Snapshot returns a copy of c as a map, which is never nil. It is exact if there
// are no concurrent writes. Writes are not blocked, so a concurrent write may or
// may not be included, and different keys may be from different moments.
func (c *Context[K, V]) Snapshot() map[K]V {
	m := make(map[K]V, c.Len())
	for key, value := range c.All() {
		m[key] = value
	}
	return m
}

// Restore replaces the contents of c by those of m. It deletes the keys that m
// lacks and sets all keys of m, one after the other. A nil map empties c. Without
// concurrent writes, a Snapshot afterwards equals m. Watchers see every deletion
// and every Set, even to an equal value. Keys of m that are not equal to
// themselves are left out.
//
// m must not be modified while Restore runs.
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
