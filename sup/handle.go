package sup

import (
	"context"
	"fmt"
	"sync/atomic"
)

// A Child is a typed handle to a child: a small value, to be copied at will,
// that outlives the incarnations of the child. All methods are safe for
// concurrent use.
//
// As a field of a struct that declares a tree it is filled in by the tree, and
// then it outlives the tree's restarts too.
type Child[W Worker] struct{ ref *reference }

// As returns a handle to the same child under another type, for supervisors
// whose children are of several types: of a Supervisor[Worker] s,
//
//	pool := sup.As[*Pool](s.Child("pool"))
//
// While the live worker is no W, Get returns false and Wait an error that wraps
// [ErrWrongType].
func As[W, V Worker](h Child[V]) Child[W] { return Child[W](h) }

// reference is where a handle finds its child.
type reference struct {
	target atomic.Pointer[child]
	lookup *lookup // nil where the handle is of this one child
}

// lookup finds the child of a handle in the life that its supervisor has now.
type lookup struct {
	face *supervision
	id   string
	find func() *child
}

func (r *reference) child() *child {
	if r == nil {
		return nil
	}
	c := r.target.Load()
	if r.lookup == nil || c != nil && !c.sup.over.Load() && !c.unlinked.Load() {
		return c
	}
	if next := r.lookup.find(); next != nil {
		r.target.Store(next)
		return next
	}
	if c != nil && c.sup != r.lookup.face.current() {
		return nil // the life that there is now has none
	}
	return c
}

func (r *reference) follows() bool { return r.lookup != nil }

// missing is the error of a handle without a child.
func (r *reference) missing() error {
	switch {
	case r == nil:
		return callError("wait for", "child", errUndeclaredHandle)
	case r.lookup == nil:
		return callError("wait for", "child", ErrNotFound)
	}
	life := r.lookup.face.current()
	return callError("wait for", joinPath(life.path, r.lookup.id), notFoundOr(life.admit()))
}

// handle returns a handle to the child that find finds.
func handle[W Worker](f *supervision, id string, find func() *child) Child[W] {
	ref := &reference{lookup: &lookup{f, id, find}}
	ref.child()
	return Child[W]{ref}
}

// handleAfter is the handle that a call which adds a child returns.
func handleAfter[W Worker](c *child, err error) Child[W] {
	if err == nil || ignored(err) {
		return Child[W]{&c.self}
	}
	return Child[W]{new(reference)}
}

// Get returns the worker that is live and ready, or false if there is none at
// the moment. It takes no lock and allocates nothing.
func (h Child[W]) Get() (W, bool) {
	if h.ref != nil {
		if c := h.ref.target.Load(); c != nil { // whichever life of the supervisor it is of
			// The same as liveWorker, by hand: the call would cost as much as half of a Get.
			if inc := c.live.Load(); inc != nil {
				if l, ok := inc.body.(*life[W]); ok {
					return l.w, true
				}
			}
		}
	}
	return h.lookUp()
}

// lookUp is Get where the child last found has no live worker, or one of another
// type: its supervisor may have another life now, and another child of that id.
func (h Child[W]) lookUp() (w W, ok bool) {
	c := h.ref.child()
	if c == nil {
		return w, false
	}
	return liveWorker[W](c)
}

// Wait returns the worker that is live and ready, and waits for one while the
// child is starting or restarting, or its supervisor has not been started. It
// fails at once when there will be none,
// with a [CallError] that wraps [ErrStopped], [ErrQuarantined], [ErrNotFound],
// [ErrShuttingDown] or [ErrNotRunning]; and with the cause of ctx when that
// ends.
func (h Child[W]) Wait(ctx context.Context) (W, error) {
	ctx = given(ctx)
	var none W
	for {
		c := h.ref.child()
		if c == nil {
			return none, h.ref.missing()
		}
		if w, ok := liveWorker[W](c); ok {
			return w, nil
		}
		if inc := c.live.Load(); inc != nil && !isA[W](inc) {
			return none, callError("wait for", c.path(), fmt.Errorf("%w: it is a %T", ErrWrongType, inc.body.worker()))
		}
		changed, err := c.sup.prospect(c, h.ref.follows())
		if err != nil && h.ref.child() != c {
			continue
		}
		if err != nil {
			return none, callError("wait for", c.path(), err)
		}
		select {
		case <-changed:
		case <-c.sup.next:
		case <-c.sup.ending(h.ref.follows()):
		case <-ctx.Done():
			return none, callError("wait for", c.path(), causeOf(ctx))
		}
	}
}

// Do calls f with the live worker, and waits for one if need be, like Wait,
// whose errors it returns. Otherwise it returns what f does; a nil f does
// nothing. The worker may end while f runs; f is not called again, and nothing
// tells it: a worker whose calls may block keeps the context that its start
// function was given, which ends with the incarnation, and lets its calls end
// with that.
func (h Child[W]) Do(ctx context.Context, f func(w W) error) error {
	w, err := h.Wait(ctx)
	if err != nil || f == nil {
		return err
	}
	return f(w)
}

// Info returns a snapshot of the child, and false if it is not declared any
// more. It waits for nothing.
func (h Child[W]) Info() (ChildInfo, bool) {
	c := h.ref.child()
	if c == nil {
		return ChildInfo{}, false
	}
	return c.sup.info(c)
}

func isA[W Worker](inc *incarnation) bool {
	_, ok := inc.body.worker().(W)
	return ok
}

// ending returns a channel that is closed when the supervisor is to end; it is
// of no interest to a handle that follows it into its next life.
func (s *core) ending(follows bool) <-chan struct{} {
	if follows && s.host != nil {
		return nil
	}
	return s.stop
}

// prospect returns a channel that is closed when there may be news of a child
// that is not live, or why there never will be.
func (s *core) prospect(c *child, follows bool) (<-chan struct{}, error) {
	s.mu.Lock()
	switch {
	case c.live.Load() != nil:
		s.mu.Unlock()
		return closedChannel, nil
	case s.phase == created && !s.superseded:
		defer s.mu.Unlock()
		return c.changedLocked(), nil
	case s.phase == created:
		s.mu.Unlock()
		return closedChannel, nil
	case s.phase >= ending && follows && s.host != nil:
		s.mu.Unlock()
		return s.prospectOfHost()
	case s.phase == ending:
		s.mu.Unlock()
		return nil, ErrShuttingDown
	case s.phase == ended:
		s.mu.Unlock()
		return nil, errEnded
	}
	defer s.mu.Unlock()
	switch {
	case c.unlinked.Load():
		return nil, ErrNotFound
	case c.state == Stopped:
		return nil, ErrStopped
	case c.state == Quarantined:
		return nil, ErrQuarantined
	case (c.state == Stopping || c.state == Stuck) && c.cur != nil && c.cur.fate == fateRest:
		return nil, ErrStopped
	}
	return c.changedLocked(), nil
}

// prospectOfHost is the prospect of the children of a tree that has ended, and
// that its parent may restart.
func (s *core) prospectOfHost() (<-chan struct{}, error) {
	p, c := s.parent, s.host.child
	p.mu.Lock()
	next := c.cur != s.host && c.state == Running
	if c.cur == s.host && p.phase < ending { // it has not gone, or that is not known yet
		defer p.mu.Unlock()
		if s.host.fate == fateRest {
			return nil, ErrStopped
		}
		return c.changedLocked(), nil
	}
	p.mu.Unlock()
	if next { // of which the handle would know, if it were the same supervisor
		return nil, errEnded
	}
	return p.prospect(c, true)
}

var closedChannel = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
