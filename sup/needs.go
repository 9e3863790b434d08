package sup

import "slices"

// needs is what children of a supervisor under OneForDependents need. A need is an id,
// because a child may be added again after it was removed.
type needs struct {
	of         map[*child][]string // nil for a child without needs
	dependents map[string][]*child // the children that need the one with an id, in the order of the list
}

// addLocked records what a new child needs.
func (n *needs) addLocked(c *child, ids []string) {
	if len(ids) == 0 {
		return
	}
	if n.of == nil {
		n.of, n.dependents = make(map[*child][]string), make(map[string][]*child)
	}
	n.of[c] = ids
	for _, id := range ids {
		n.dependents[id] = append(n.dependents[id], c)
	}
}

// removeLocked forgets what a child needs.
func (n *needs) removeLocked(c *child) {
	for _, id := range n.of[c] {
		n.dependents[id] = slices.DeleteFunc(n.dependents[id], func(d *child) bool { return d == c })
	}
	delete(n.of, c)
}

// dependentsLocked returns the children that need c. Children without a name are members
// of a set, and nothing needs them.
func (s *core) dependentsLocked(c *child) []*child { return s.needs.dependents[c.name] }

// unmetLocked returns a child that c needs and has to wait for, or nil (D2). A child that
// is at rest or was removed is not waited for, and neither is one that is stuck and stays
// down after that.
//
// The round of a failure that is in line restarts c too. So a round that goes on, behind
// which that failure stands, does not wait for it (D8).
func (s *core) unmetLocked(c *child) *child {
	for _, id := range s.needs.of[c] {
		n := s.list.byID[id]
		switch {
		case n != nil && n.inLine && c.round != nil:
		case n == nil, n.state == StateRunning, n.atRest():
		case n.state == StateStuck && n.cur.intent.staysDown():
		default:
			return n
		}
	}
	return nil
}

// restartsAloneLocked reports whether a restart of c concerns no other child, and so
// needs no round. Under OneForDependents that holds for a child without needs that nothing
// needs. One that nothing needs still waits for what it needs itself.
func (s *core) restartsAloneLocked(c *child) bool {
	switch s.config.strategy {
	case OneForOne:
		return true
	case OneForDependents:
		return len(s.dependentsLocked(c)) == 0 && len(s.needs.of[c]) == 0
	}
	return false
}

// orderOf is the children of a supervisor, for the plans that it makes.
type orderOf struct{ *core }

func (o orderOf) first() *child                { return o.list.first }
func (o orderOf) next(c *child) *child         { return c.next }
func (o orderOf) dependents(c *child) []*child { return o.dependentsLocked(c) }
func (o orderOf) needs(c *child) []*child {
	ids := o.core.needs.of[c]
	all := make([]*child, 0, len(ids))
	for _, id := range ids {
		if n := o.list.byID[id]; n != nil {
			all = append(all, n)
		}
	}
	return all
}
