package sup

import (
	"context"
	"errors"
)

// How a caller that wants a child, and not the start of one, waits for it (O9).

// errGone is returned by awaitReady for a child that was removed, whose id is free.
var errGone = errors.New("child removed")

// awaitReady waits until a child that was found is ready. It returns errGone if the child
// is removed or its start is called off, the error of a first start that fails, and
// ErrStopped or ErrQuarantined for a child that only an operator or a round starts again.
func (s *core) awaitReady(ctx context.Context, c *child) error {
	var first *incarnation // the start of a caller that was seen going on
	for {
		s.mu.Lock()
		switch {
		case c.live.Load() != nil:
			s.mu.Unlock()
			return nil
		case c.unlinked.Load():
			err := errGone
			if first != nil && first.overLocked() {
				err = s.firstStartErrorLocked(first)
			}
			s.mu.Unlock()
			return err
		}
		err := s.admitLocked()
		if err == nil {
			err = c.restErrorLocked()
		}
		if err != nil {
			s.mu.Unlock()
			return err
		}
		if c.cur != nil && c.cur.startedBy == byCaller && c.cur.start != startReady {
			first = c.cur
		}
		changed := c.changedLocked()
		s.mu.Unlock()
		// Meanwhile the child may have become ready, failed, or been stopped or removed by
		// an operator, so it is looked at again.
		select {
		case <-changed:
		case <-s.signal.stop:
		case <-ctx.Done():
			return causeOf(ctx)
		}
	}
}

// firstStartErrorLocked returns how the start ended that a removed child was added with.
func (s *core) firstStartErrorLocked(inc *incarnation) error {
	switch {
	case inc.start == startReady: // a temporary child that was ready and has ended
		return nil
	case inc.intent != intentNone: // its caller gave up, or an operator removed it
		return errGone
	case inc.start == startIgnored:
		return ErrNotFound
	}
	return &StartError{Path: inc.child.path(), Err: inc.startErrorLocked()}
}

// restErrorLocked returns ErrStopped or ErrQuarantined if the child is at rest, or will
// be and stays declared. It returns nil for a child that starts again or is removed.
func (c *child) restErrorLocked() error {
	switch {
	case c.state == StateStopped:
		return ErrStopped
	case c.state == StateQuarantined:
		return ErrQuarantined
	case c.cur == nil || c.removeWhenDown || c.policy.restart == Temporary:
		return nil
	case c.cur.intent == intentQuarantine && !c.stoppedByOperator:
		return ErrQuarantined
	case c.cur.intent.staysDown():
		return ErrStopped
	}
	return nil
}

// declinedError returns ErrStopped, or ErrNotFound for a temporary child, if a child that
// was added without an error is down because its start function chose not to start it.
func (s *core) declinedError(c *child) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !c.atRest() || c.last.Kind != ExitNone:
		return nil
	case c.unlinked.Load():
		return ErrNotFound
	}
	return ErrStopped
}

// awaitNext waits until another life of the supervisor has replaced this one, which
// refused a call with err. It returns err if no other life will come.
func (s *core) awaitNext(ctx context.Context, err error) error {
	s.mu.Lock()
	phase, replaced := s.life.phase, s.life.replaced
	s.mu.Unlock()
	var changed <-chan struct{}
	switch {
	case replaced:
		return nil
	case phase == created:
		changed = s.signal.stop // closed if Shutdown is called first
	case s.host == nil:
		return err
	default:
		above, never := s.awaitHost()
		if never != nil {
			return err
		}
		changed = above
	}
	select {
	case <-changed:
	case <-s.signal.next:
	case <-ctx.Done():
		return causeOf(ctx)
	}
	return nil
}
