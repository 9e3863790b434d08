package sup

import "sync"

// abandonedSet holds the incarnations that the supervisors of one tree have
// abandoned and whose goroutines have not returned. It belongs to the whole tree,
// because a nested supervisor may end before what it has abandoned.
type abandonedSet struct {
	mu      sync.Mutex
	members map[*incarnation]struct{}
	change  chan struct{} // nil if nothing waits; closed when a member leaves
	dumps   dumps
}

// below returns the members that belong to s or to a supervisor below it, and a
// channel that is closed when a member leaves.
func (a *abandonedSet) below(s *core) (left []*incarnation, changed <-chan struct{}) {
	a.mu.Lock()
	defer a.mu.Unlock()
	// The set is nearly always empty, so it is searched and not indexed by supervisor.
	for inc := range a.members {
		for above := inc.child.sup; above != nil; above = above.above {
			if above == s {
				left = append(left, inc)
				break
			}
		}
	}
	if a.change == nil {
		a.change = make(chan struct{})
	}
	return left, a.change
}

// dump returns the stacks of the goroutines of all incarnations. The set is where the
// whole tree shares one dump.
func (a *abandonedSet) dump() stackDump { return a.dumps.take() }

// add is called when a supervisor abandons an incarnation.
func (a *abandonedSet) add(inc *incarnation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.members == nil {
		a.members = make(map[*incarnation]struct{})
	}
	a.members[inc] = struct{}{}
}

// remove is called when the goroutine of an abandoned incarnation returns.
func (a *abandonedSet) remove(inc *incarnation) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.members, inc)
	if a.change != nil {
		close(a.change)
		a.change = nil
	}
}
