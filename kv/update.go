package kv

import (
	"errors"
	"fmt"
)

// Op is the decision of an Update function about its key.
type Op int

const (
	// Keep leaves the key as it is, present or absent. The value returned with
	// it is ignored.
	Keep Op = iota
	// Set sets the key to the value returned with it.
	Set
	// Delete removes the key if it is present. The value returned with it is
	// ignored.
	Delete
)

// String returns the name of the Op.
func (op Op) String() string {
	switch op {
	case Keep:
		return "Keep"
	case Set:
		return "Set"
	case Delete:
		return "Delete"
	}
	return fmt.Sprintf("Op(%d)", int(op))
}

const (
	// freeRuns is the number of runs before the key is guarded. A guard costs
	// each writer of the key some microseconds, a lost run of a short function a
	// tenth of one. Three losses in a row are rare even on a key that all cores
	// update.
	freeRuns = 3
	// guardedRuns is the number of runs after that.
	guardedRuns = 1000 - freeRuns
)

// Update atomically replaces the value of key by the result of f. It calls f with
// the value and whether key is present. The value is the zero V if it is not.
// f returns the new value and an [Op]: [Keep], [Set] or [Delete].
//
// f runs without a lock. If key changed meanwhile, the result is dropped and f
// runs again, so f may run more than once, and only the last run counts. f may
// use other keys of c freely and may read its own. It must change its own key
// only through its result, because any other change makes the run a lost one.
//
// The error is nil if the decision of f, Keep included, has taken effect.
// Otherwise nothing that f returned has taken effect, and the error wraps
// [ErrConflict] if key changed during each of a thousand runs, wraps [ErrKey] if
// key is not equal to itself, in which case f does not run, or says that f is
// nil or returned an unknown Op.
func (c *Context[K, V]) Update(key K, f func(old V, ok bool) (V, Op)) error {
	if f == nil {
		return errors.New("update: nil function")
	}
	if !c.open(key) {
		return updateError(key, ErrKey)
	}
	for range freeRuns {
		c.guards.giveWay(key, nil)
		if done, err := c.runUpdate(key, f); done {
			return err
		}
	}
	return c.updateGuarded(key, f)
}

// updateGuarded continues an Update that has lost all its free runs.
func (c *Context[K, V]) updateGuarded(key K, f func(V, bool) (V, Op)) error {
	// One guard covers all runs, so that the writers that yield to it do not
	// write between two of them.
	g := c.guards.add(key)
	defer c.guards.remove(g)
	for range guardedRuns {
		c.guards.giveWay(key, g)
		if done, err := c.runUpdate(key, f); done {
			return err
		}
	}
	return updateError(key, ErrConflict)
}

// updateError adds the key to an error of Update.
func updateError(key any, err error) error {
	return fmt.Errorf("update of %s: %w", keyText(key), err)
}

// runUpdate runs f once and reports whether the Update is decided.
func (c *Context[K, V]) runUpdate(key K, f func(V, bool) (V, Op)) (done bool, err error) {
	var seen *V
	e, _ := c.entries.Load().Load(key)
	if e != nil {
		seen = e.value.Load()
	}
	var old V
	if seen != nil {
		old = *seen
	}
	value, op := f(old, seen != nil)
	switch {
	case op < Keep || op > Delete:
		return true, updateError(key, fmt.Errorf("function returned %v, want Keep, Set or Delete", op))
	case op == Keep, op == Delete && seen == nil:
		return c.current(key) == seen, nil
	case seen == nil:
		return c.insertAbsent(key, &value), nil
	}
	e.mu.Lock()
	if e.value.Load() != seen {
		e.mu.Unlock()
		return false, nil
	}
	if op == Delete {
		c.remove(key, e)
	} else {
		c.replace(key, e, &value)
	}
	return true, nil
}

// insertAbsent sets key to the value at p unless key is present. It reports
// whether it did.
func (c *Context[K, V]) insertAbsent(key K, p *V) bool {
	if e := c.lock(key); e != nil {
		e.mu.Unlock()
		return false
	}
	return c.insert(key, p)
}
