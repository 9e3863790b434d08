package sup

// nested returns the life of the supervisor that a child is; nil if it is down,
// and false if it is none.
func (c *child) nested() (*core, bool) {
	c.sup.mu.Lock()
	defer c.sup.mu.Unlock()
	if !c.supervisor {
		return nil, false
	}
	return c.cur.nestedLocked(), true
}

// shownLocked returns the life of the supervisor that a child is, or of one that
// is down the last; nil if it is none.
func (c *child) shownLocked() *core {
	if !c.supervisor {
		return nil
	}
	if life := c.cur.nestedLocked(); life != nil {
		return life
	}
	return c.sup.list.lastLives[c]
}

// nested returns the supervisors among the children, in no order, and without a
// look at the others.
func (s *core) nested() (all []*core) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.list.supervisors {
		if below := c.shownLocked(); below != nil {
			all = append(all, below)
		}
	}
	return all
}

// nestedLocked returns the life of the supervisor that an incarnation is, or
// nil.
func (inc *incarnation) nestedLocked() *core {
	if inc == nil || !inc.supervisor {
		return nil
	}
	return inc.supervision().current() // to ask the worker would be to call its code
}
