package sup

import "context"

// Condense is a Snapshot for metrics, which package poll finds by its name. It lists the
// children that have a series of their own, and those whose state or budget counts for
// itself. All others are members that are idle or running. Of those it gives the number
// in States, where a snapshot has none, and the counters in Retired, so its cost grows
// with the number of supervisors and declared children, and not with that of members.
func (o operator) Condense(_ context.Context, path string) (SupervisorInfo, error) {
	life, err := o.supervisor("query", path)
	if err != nil {
		return SupervisorInfo{}, err
	}
	return life.condensed(), nil
}

func (s *core) condensed() SupervisorInfo {
	info, nested := s.lookCondensed()
	for _, n := range nested {
		below := n.life.condensed()
		if n.merged {
			below.hand()
		}
		info.Children[n.at].Supervisor = &below
	}
	return info
}

// lookCondensed is look for condensed.
func (s *core) lookCondensed() (info SupervisorInfo, nested []nestedCore) {
	var children []ChildInfo
	var listed []*child
	s.mu.Lock()
	for {
		most := min(s.reasonsLocked(), s.list.count)
		if most <= cap(children) {
			break
		}
		s.mu.Unlock() // while it allocates: meanwhile there may be more
		children, listed = make([]ChildInfo, 0, most+most/16), make([]*child, 0, most+most/16)
		s.mu.Lock()
	}
	unlisted, states := s.list.members, s.list.states
	for c, left := s.list.first, s.reasonsLocked(); c != nil && left > 0; c = c.next {
		n := c.reasonsLocked()
		if n == 0 {
			continue
		}
		left -= n
		if below := c.latestLifeLocked(); below != nil {
			nested = append(nested, nestedCore{len(listed), below, below.retired.merged})
		}
		children, listed = children[:len(children)+1], append(listed, c)
		c.infoLocked(&children[len(children)-1])
		states[c.state]--
		if c.isMember() {
			unlisted = unlisted.minus(c.counts)
		}
	}
	info = s.summaryLocked()
	retired := s.retired.counts.list()
	s.mu.Unlock()
	info.Children, info.Retired = children, retired
	for i, c := range listed {
		info.Children[i].ID = c.id()
	}
	if unlisted != (Counts{}) {
		info.Retired = append(info.Retired, Retired{Child: Template, Counts: unlisted})
	}
	info.States = make(map[State]int)
	for state, n := range states {
		if n > 0 {
			info.States[State(state)] = n
		}
	}
	return info, nested
}

// reasonsLocked returns the sum of reasonsLocked of all children.
func (s *core) reasonsLocked() int {
	quiet := s.list.states[StateIdle] + s.list.states[StateRunning]
	return s.list.declared + s.list.budgeted + len(s.list.supervisors) + s.list.count - quiet
}

// reasonsLocked returns the number of reasons to list a child.
func (c *child) reasonsLocked() (n int) {
	if !c.isMember() {
		n++
	}
	if c.policy.budget != (Intensity{}) {
		n++
	}
	if c.supervisor {
		n++
	}
	if c.state != StateIdle && c.state != StateRunning {
		n++
	}
	return n
}
