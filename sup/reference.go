package sup

// ending returns a channel that is closed when the supervisor is to end; it is
// of no interest to a handle that follows it into its next life.
func (s *core) ending(follows bool) <-chan struct{} {
	if follows && s.host != nil {
		return nil
	}
	return s.signal.stop
}

// prospect returns a channel that is closed when there may be news of a child
// that is not live, or why there never will be.
func (s *core) awaitLive(c *child, follows bool) (<-chan struct{}, error) {
	s.mu.Lock()
	switch {
	case c.live.Load() != nil:
		s.mu.Unlock()
		return closedChannel, nil
	case s.life.phase == created && !s.life.replaced:
		defer s.mu.Unlock()
		return c.changedLocked(), nil
	case s.life.phase == created:
		s.mu.Unlock()
		return closedChannel, nil
	case s.life.phase >= ending && follows && s.host != nil:
		s.mu.Unlock()
		return s.awaitHost()
	case s.life.phase == ending:
		s.mu.Unlock()
		return nil, ErrShuttingDown
	case s.life.phase == ended:
		s.mu.Unlock()
		return nil, errEnded
	}
	defer s.mu.Unlock()
	switch {
	case c.unlinked.Load():
		return nil, ErrNotFound
	case c.state == StateStopped:
		return nil, ErrStopped
	case c.state == StateQuarantined:
		return nil, ErrQuarantined
	case (c.state == StateStopping || c.state == StateStuck) && c.cur != nil && c.cur.intent == intentStop:
		return nil, ErrStopped
	}
	return c.changedLocked(), nil
}

// prospectOfHost is the prospect of the children of a tree that has ended, and
// that its parent may restart.
func (s *core) awaitHost() (<-chan struct{}, error) {
	p, c := s.parent, s.host.child
	p.mu.Lock()
	next := c.cur != s.host && c.state == StateRunning
	if c.cur == s.host && p.life.phase < ending { // it has not gone, or that is not known yet
		defer p.mu.Unlock()
		if s.host.intent == intentStop {
			return nil, ErrStopped
		}
		return c.changedLocked(), nil
	}
	p.mu.Unlock()
	if next { // of which the handle would know, if it were the same supervisor
		return nil, errEnded
	}
	return p.awaitLive(c, true)
}

func (r *reference) child() *child {
	if r == nil {
		return nil
	}
	c := r.target.Load()
	if r.lookup == nil || c != nil && !c.sup.ended.Load() && !c.unlinked.Load() {
		return c
	}
	if next := r.lookup.find(); next != nil {
		r.target.Store(next)
		return next
	}
	if c != nil && c.sup != r.lookup.base.current() {
		return nil // the life that there is now has none
	}
	return c
}

func (r *reference) follows() bool { return r.lookup != nil }

// missing is the error of a handle without a child.
func (r *reference) missing() error {
	switch {
	case r == nil:
		return callError("wait", "child", errUndeclaredHandle)
	case r.lookup == nil:
		return callError("wait", "child", ErrNotFound)
	}
	life := r.lookup.base.current()
	return callError("wait", joinPath(life.path, r.lookup.id), notFoundOr(life.admit()))
}
