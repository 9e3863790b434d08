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

// LeaveDead deletes key up to the point where only the map still has to drop the
// entry: what others find while a Delete is held up there.
func LeaveDead[K comparable, V any](c *Context[K, V], key K) {
	e := c.lock(key)
	e.value.Store(nil)
	e.mu.Unlock()
}
