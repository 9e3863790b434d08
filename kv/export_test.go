package kv

// Entries returns how many entries the map of c has, dead ones included.
func Entries[K comparable, V any](c *Context[K, V]) int {
	if m := c.entries.Load(); m != nil {
		return m.Size()
	}
	return 0
}

// Guards returns how many guards c has.
func Guards[K comparable, V any](c *Context[K, V]) int {
	if list := c.guards.list.Load(); list != nil {
		return len(*list)
	}
	return 0
}

// Watchers returns how many watchers are registered with c.
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

// HalfDelete deletes key and stops, as a Delete can be stopped by the scheduler,
// where the entry is dead but its lock is held. publish does the next part, up to
// where only the map has still to drop the entry.
func HalfDelete[K comparable, V any](c *Context[K, V], key K) (publish func()) {
	e := c.lock(key)
	e.value.Store(nil)
	return func() {
		c.changed(key, nil)
		e.mu.Unlock()
	}
}
