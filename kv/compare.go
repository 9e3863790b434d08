package kv

// CompareAndSwap sets key to value if key is present and its value equals old.
// It reports whether it did. Values that cannot be compared (interfaces that
// hold a slice, a map or a function) equal nothing. It is atomic, and safe for
// concurrent use.
func CompareAndSwap[K, V comparable](c *Context[K, V], key K, old, value V) bool {
	if p := c.current(key); p == nil || !equal(*p, old) {
		return false
	}
	c.guards.giveWay(key, nil)
	e := c.lock(key)
	if e == nil {
		return false
	}
	if !equal(*e.value.Load(), old) {
		e.mu.Unlock()
		return false
	}
	c.replace(key, e, &value)
	return true
}
