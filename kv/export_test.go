package kv

// Entries returns the number of entries in the map of c, dead ones included.
func Entries[K comparable, V any](c *Context[K, V]) int {
	if m := c.entries.Load(); m != nil {
		return m.Size()
	}
	return 0
}

// Guards returns the number of guards of c.
func Guards[K comparable, V any](c *Context[K, V]) int {
	if list := c.guards.list.Load(); list != nil {
		return len(*list)
	}
	return 0
}

// Watchers returns the number of watchers registered with c.
func Watchers[K comparable, V any](c *Context[K, V]) int {
	c.watchers.mu.RLock()
	defer c.watchers.mu.RUnlock()
	n := len(c.watchers.all)
	for _, ws := range c.watchers.key {
		n += len(ws)
	}
	if int64(n) != c.watchers.count.Load() {
		panic("kv: the count of watchers is wrong")
	}
	return n
}

// HalfDelete deletes key and stops where the scheduler can interrupt a Delete:
// the entry is dead and its lock is held. publish performs the next step, after
// which only the removal of the entry from the map is left.
func HalfDelete[K comparable, V any](c *Context[K, V], key K) (publish func()) {
	e := c.lock(key)
	e.value.Store(nil)
	return func() {
		c.changed(key, nil)
		e.mu.Unlock()
	}
}
