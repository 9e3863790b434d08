package kv

// Number is the constraint of the values that [Add] can add.
type Number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 |
		~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~uintptr |
		~float32 | ~float64
}

// Add atomically adds delta to the value of key and returns the sum. An absent
// key counts as zero. Integers wrap around, as in the language.
//
// Unlike an Update it always succeeds and adds exactly once, because no code of
// the caller takes part. For a key that is not equal to itself nothing is
// stored, and the sum is delta.
func Add[K comparable, V Number](c *Context[K, V], key K, delta V) V {
	if !c.open(key) {
		return delta
	}
	c.guards.giveWay(key, nil)
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
