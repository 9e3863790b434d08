package sup

// nested returns the life of the supervisor that a child is, or nil if it is
// down. It reports false if the child is no supervisor.
func (c *child) nested() (*core, bool) {
	c.sup.mu.Lock()
	defer c.sup.mu.Unlock()
	if !c.supervisor {
		return nil, false
	}
	return c.cur.nestedLocked(), true
}

// latestLifeLocked returns the life of the supervisor that a child is, or its last
// life if it is down, or nil if the child is no supervisor.
func (c *child) latestLifeLocked() *core {
	if !c.supervisor {
		return nil
	}
	if life := c.cur.nestedLocked(); life != nil {
		return life
	}
	return c.sup.list.lastLives[c]
}

// nested returns the latest lives of the supervisors among the children, in no
// order. It does not visit the other children.
func (s *core) nested() (all []*core) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.list.supervisors {
		if below := c.latestLifeLocked(); below != nil {
			all = append(all, below)
		}
	}
	return all
}

// nestedLocked returns the life of the supervisor that an incarnation is, or nil.
func (inc *incarnation) nestedLocked() *core {
	if inc == nil || !inc.supervisor {
		return nil
	}
	return inc.supervision().current() // asking the worker instead would call its code under the lock
}
