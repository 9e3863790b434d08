package kv

import (
	"errors"
	"fmt"
)

// An Op is what an Update function wants done with its key.
type Op int

const (
	// Keep leaves the key as it is, present or not. The value returned with it
	// is ignored.
	Keep Op = iota
	// Set makes the value returned with it the key's value.
	Set
	// Delete removes the key, if it is present. The value returned with it is
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
	// freeRuns is how often f runs before its key is guarded. A guard costs the
	// key's writers about a microsecond each, a lost run of a short f a tenth of
	// that; three losses in a row are rare even on a key that all cores update.
	freeRuns = 3
	// guardedRuns is how often f runs after that.
	guardedRuns = 1000 - freeRuns
)

// Update changes the value of key to what f makes of it, atomically. f is given
// the value, and whether key is present (if not, the value is the zero V). It
// returns the new value and what to do: [Keep], [Set] or [Delete].
//
// f runs without any lock. If key changed meanwhile, its result is dropped and it
// runs again; so f can run more than once, and the last run counts. f may use
// other keys of c freely, and may read its own. It must not change its own key
// other than by what it returns: that spoils the run, and is found out after a few.
//
// The error is nil if f's decision, Keep included, has taken effect; else
// nothing that f returned has. It wraps [ErrReentrant] if f changed key by
// itself, [ErrConflict] if others changed it in every one of a thousand runs, and
// [ErrKey] if key is not equal to itself, when f does not run at all; or it says
// that f was nil or returned an unknown Op.
func (c *Context[K, V]) Update(key K, f func(old V, ok bool) (V, Op)) error {
	if f == nil {
		return errors.New("kv: Update needs a function, not nil")
	}
	if !c.open(key) {
		return fmt.Errorf("%w: %s", ErrKey, keyText(key))
	}
	for range freeRuns {
		c.guards.giveWay(key)
		if done, err := c.runUpdate(key, f); done {
			return err
		}
	}
	return c.updateGuarded(key, f)
}

// updateGuarded goes on with an Update that has lost all its free runs.
func (c *Context[K, V]) updateGuarded(key K, f func(V, bool) (V, Op)) error {
	// One guard for all the runs: writers that wait for it to go must not come
	// in between two of them.
	g := c.guards.add(key)
	defer c.guards.remove(g)
	for range guardedRuns {
		c.guards.giveWay(key) // to the guards of others
		if done, err := c.runUpdate(key, f); done {
			return err
		}
		if g.broken {
			return fmt.Errorf("%w: %s", ErrReentrant, keyText(key))
		}
	}
	return fmt.Errorf("%w: %s", ErrConflict, keyText(key))
}

// runUpdate runs f once and reports whether that settled the Update.
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
		return true, fmt.Errorf("kv: Update function returned %v; it can be Keep, Set or Delete", op)
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

// insertAbsent makes p the value of key unless key is present, and reports
// whether it did.
func (c *Context[K, V]) insertAbsent(key K, p *V) bool {
	if e := c.lock(key); e != nil {
		e.mu.Unlock()
		return false
	}
	return c.insert(key, p)
}
