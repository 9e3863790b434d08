package kv

// A Number is what [Add] can add.
type Number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 |
		~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr |
		~float32 | ~float64
}

// Add adds delta to the value of key, atomically, and returns the sum. A key
// that is not present counts as zero. Integers wrap around, as in the language.
//
// Unlike an Update, it always succeeds and adds once: no foreign code takes
// part. (Nothing is kept for a key that is not equal to itself; the sum is then
// delta.)
func Add[K comparable, V Number](c *Context[K, V], key K, delta V) V {
	if !c.open(key) {
		return delta
	}
	c.guards.giveWay(key)
	for {
		if e := c.lock(key); e != nil {
			sum := *e.value.Load() + delta
			c.replace(key, e, &sum)
			return sum
		}
		if sum := delta; c.insert(key, &sum) {
			return sum
		}
	}
}
