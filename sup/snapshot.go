package sup

// Children returns a snapshot of the children, in start order. Like all queries, it does
// not wait for starts, stops or rounds.
func (f *supervision) Children() []ChildInfo {
	info, _ := f.current().look()
	return info.Children
}

// Snapshot returns a snapshot of the supervisor and all its descendants. The part of each
// supervisor shows one moment. Like all queries, it does not wait.
func (f *supervision) Snapshot() SupervisorInfo {
	return f.current().tree()
}

func (s *core) tree() SupervisorInfo {
	info, nested := s.look()
	for _, n := range nested {
		below := n.life.tree()
		if n.merged {
			below.hand()
		}
		info.Children[n.at].Supervisor = &below
	}
	return info
}

// hand marks a snapshot, at every level, as merged: the parent has the counters of this
// supervisor already, so they must not be counted twice.
func (i *SupervisorInfo) hand() {
	i.Merged, i.Retired = true, nil
	for _, c := range i.Children {
		if c.Supervisor != nil {
			c.Supervisor.hand()
		}
	}
}

// nestedCore is a child that is a supervisor.
type nestedCore struct {
	at     int // index among the children
	life   *core
	merged bool
}

// look returns a snapshot of this supervisor and its children, and the supervisors among
// them. To hold the lock for a short time only, it allocates the memory before, and makes
// missing ids after.
func (s *core) look() (info SupervisorInfo, nested []nestedCore) {
	var children []ChildInfo
	var unnamed []*child
	s.mu.Lock()
	for len(children) < s.list.count {
		n := s.list.count + len(children)/16 // some spare after the first round: children are added while mu is released
		s.mu.Unlock()
		children = make([]ChildInfo, n)
		if s.config.set == SetKeyed {
			unnamed = make([]*child, n)
		}
		s.mu.Lock()
	}
	n := 0
	for c := s.list.first; c != nil; c = c.next {
		if below := c.latestLifeLocked(); below != nil {
			nested = append(nested, nestedCore{n, below, below.retired.merged})
		}
		c.infoLocked(&children[n])
		if unnamed != nil && c.name == "" {
			unnamed[n] = c
		}
		n++
	}
	info = s.summaryLocked()
	info.Retired = s.retired.counts.list()
	s.mu.Unlock()
	info.Children = children[:n]
	for i, c := range unnamed {
		if c != nil {
			info.Children[i].ID = c.id()
		}
	}
	return info, nested
}

func (s *core) info(c *child) (info ChildInfo, declared bool) {
	s.mu.Lock()
	c.infoLocked(&info)
	declared = !c.unlinked.Load()
	s.mu.Unlock()
	info.ID = c.id()
	return info, declared
}

// infoLocked fills in an empty snapshot, except for an id that has to be made. It writes
// only what differs from the zero value, because a set may have a million children.
func (c *child) infoLocked(info *ChildInfo) {
	info.ID = c.name
	info.Restart = c.policy.restart
	info.Significant = c.policy.significant
	info.State = c.state
	info.Incarnation = c.counts.Starts
	info.Restarts = c.counts.Restarts
	info.Added = c.added
	if c.counts.Failures > 0 {
		info.Failures = c.counts.Failures
	}
	if c.last.Kind != ExitNone {
		info.LastExit = c.last
	}
	info.Since = c.sup.born.Add(c.since)
	if c.supervisor {
		info.Kind = KindSupervisor
	}
	if c.retry.budget != nil {
		c.retry.budget.slide(c.sup.now())
		info.BudgetUsed = c.retry.budget.size
	}
	if c.state == StateStuck {
		info.Stack = c.stackTextLocked()
	}
	if ids := c.sup.needs.of[c]; ids != nil {
		info.Needs = ids
	}
	if !c.policy.plain {
		info.Policy = c.policy.snapshot()
	}
}
