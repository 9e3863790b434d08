package sup

// A handle waits for a worker without a goroutine of its own: it asks for a channel, waits
// for it, and asks again. The answers follow H1 of the contract.

// ending returns a channel that is closed when the supervisor begins to end. For a
// handle that follows a nested supervisor into its next life it returns nil.
func (s *core) ending(follows bool) <-chan struct{} {
	if follows && s.host != nil {
		return nil
	}
	return s.signal.stop
}

// awaitLive returns a channel that is closed when a child that has no ready worker
// may have one. If it never will, it returns why. The caller looks again after the
// channel is closed.
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
		// awaitHost locks the supervisor above, and no two are locked at once. If
		// that restarts this supervisor meanwhile, awaitHost finds the new
		// incarnation and returns at once.
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
	case (c.state == StateStopping || c.state == StateStuck) && c.cur != nil && c.cur.intent.staysDown():
		return nil, ErrStopped
	}
	return c.changedLocked(), nil
}

// awaitHost is awaitLive for the children of a supervisor that is ending or has ended
// and that the supervisor above may restart.
func (s *core) awaitHost() (<-chan struct{}, error) {
	// s.mu has been released: the incarnation that is this supervisor may have ended,
	// and the child may have restarted, since the caller looked.
	p, c := s.parent, s.host.child
	p.mu.Lock()
	next := c.cur != s.host && c.state == StateRunning
	if c.cur == s.host && p.life.phase < ending { // it has not ended, or its exit has not been settled
		defer p.mu.Unlock()
		if s.host.intent.staysDown() {
			return nil, ErrStopped
		}
		return c.changedLocked(), nil
	}
	p.mu.Unlock()
	if next { // another supervisor has taken the place of this one: otherwise the handle would have followed it
		return nil, errEnded
	}
	return p.awaitLive(c, true)
}

// child returns the child of a handle, or nil if there is none. A handle by id looks
// for it again when the life has ended or the child was removed.
func (r *reference) child() *child {
	if r == nil {
		return nil
	}
	c := r.target.Load()
	if r.lookup == nil || c != nil && !c.sup.ended.Load() && !c.unlinked.Load() {
		return c
	}
	// Two callers may do this at once. They find the same child, or one of them an older
	// one, which the next call replaces.
	if next := r.lookup.find(); next != nil {
		r.target.Store(next)
		return next
	}
	if c != nil && c.sup != r.lookup.base.current() {
		return nil // the current life has no such child
	}
	return c
}

// follows reports whether the handle is by id, and so goes on with the next life of
// its supervisor.
func (r *reference) follows() bool { return r.lookup != nil }

// missing returns the error of a handle without a child.
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
