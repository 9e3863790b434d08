package sup

import "sync"

// An orphanage keeps what the supervisors of one tree have abandoned, until it
// returns. It outlives nested supervisors.
type abandonedSet struct {
	mu      sync.Mutex
	members map[*incarnation]struct{}
	change  chan struct{}
	dumps   dumps
}

// below returns what is left of s and the supervisors below it, and a channel
// that is closed when that changes.
func (o *abandonedSet) below(s *core) (left []*incarnation, changed <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for inc := range o.members {
		for above := inc.child.sup; above != nil; above = above.above {
			if above == s {
				left = append(left, inc)
				break
			}
		}
	}
	if o.change == nil {
		o.change = make(chan struct{})
	}
	return left, o.change
}

func (o *abandonedSet) dump() stackDump { return o.dumps.take() }

// returned is called when the goroutine of an abandoned incarnation ends.
func (o *abandonedSet) remove(inc *incarnation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.members, inc)
	if o.change != nil {
		close(o.change)
		o.change = nil
	}
}

func (o *abandonedSet) add(inc *incarnation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.members == nil {
		o.members = make(map[*incarnation]struct{})
	}
	o.members[inc] = struct{}{}
}
