package sup

import (
	"context"
	"fmt"
)

// A Child is a typed handle to a child of a supervisor. It stays valid when the child or
// the supervisor is restarted. It is a small value that may be copied. All methods are
// safe for concurrent use.
//
// [Supervisor.Child] returns a handle. A field of a struct with an embedded [Tree] becomes
// one through [Child.Declare]. A handle returned by StartChild or [Keyed.Ensure] refers
// only to the child that the call added or found, and not to one added later with the same
// id. The zero Child refers to no child: Get returns false and Wait returns [ErrNotFound].
type Child[W Worker] struct{ ref *reference }

// As returns a handle to the child of h for workers of type W. It is meant for
// supervisors whose children have several types, such as a Supervisor[Worker] s:
//
//	pool := sup.As[*Pool](s.Child("pool"))
//
// While the live worker is not a W, Get returns false, and Wait returns an error that
// wraps [ErrWrongType].
func As[W, V Worker](h Child[V]) Child[W] { return Child[W](h) }

// handle returns a handle to the child that find returns.
func handle[W Worker](f *supervision, id string, find func() *child) Child[W] {
	ref := &reference{lookup: &lookup{f, id, find}}
	ref.child()
	return Child[W]{ref}
}

// noChild returns a handle to no child. Calls that fail to add a child return it.
func noChild[W Worker]() Child[W] { return Child[W]{new(reference)} }

// handleOf returns a handle to c alone, or to no child if c is nil.
func handleOf[W Worker](c *child) Child[W] {
	if c == nil {
		return noChild[W]()
	}
	return Child[W]{&c.self}
}

// Get returns the live worker, or false if no worker is ready now. It takes no lock and
// does not allocate.
func (h Child[W]) Get() (W, bool) {
	if h.ref != nil {
		if c := h.ref.target.Load(); c != nil { // of any life of the supervisor: the worker is live
			// This is liveWorker, inlined by hand: the call would cost half as much as Get.
			if inc := c.live.Load(); inc != nil {
				if l, ok := inc.body.(*life[W]); ok {
					return l.w, true
				}
			}
		}
	}
	return h.lookUp()
}

// lookUp is the slow path of Get. The child last found has no live worker of type W, but
// its supervisor may have a new life by now, with another child of the same id.
func (h Child[W]) lookUp() (w W, ok bool) {
	c := h.ref.child()
	if c == nil {
		return w, false
	}
	return liveWorker[W](c)
}

// Wait returns the live worker. It waits while the child starts or restarts, and while
// its supervisor has not been started.
//
// Errors, in a [CallError]: the cause of ctx if ctx ends first; [ErrWrongType] if the
// worker is of another type, see [As]; and, as soon as no worker will come,
// [ErrStopped], [ErrQuarantined], [ErrNotFound], [ErrShuttingDown] or [ErrNotRunning].
func (h Child[W]) Wait(ctx context.Context) (W, error) {
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
			return none, callError("wait", c.path(), fmt.Errorf("%w: %T", ErrWrongType, inc.body.worker()))
		}
		changed, err := c.sup.awaitLive(c, h.ref.follows())
		// The handle may refer to another child by now, whose worker may come.
		if err != nil && h.ref.child() != c {
			continue
		}
		if err != nil {
			return none, callError("wait", c.path(), err)
		}
		select {
		case <-changed:
		case <-c.sup.signal.next:
		case <-c.sup.ending(h.ref.follows()):
		case <-ctx.Done():
			return none, callError("wait", c.path(), causeOf(ctx))
		}
	}
}

// Do calls f with ctx and the live worker, and returns the error of f. It waits for a
// worker like [Child.Wait], and returns the errors of Wait. If f is nil, Do only waits.
//
// The worker may end while f runs. Do then neither calls f again nor cancels its
// context. A worker with methods that may block should keep the context given to its
// start function, and return from these methods when that context is cancelled. The
// context ends with the incarnation.
func (h Child[W]) Do(ctx context.Context, f func(ctx context.Context, w W) error) error {
	w, err := h.Wait(ctx)
	if err != nil || f == nil {
		return err
	}
	return f(ctx, w)
}

// Info returns a snapshot of the child, or false if the child is not declared. It does
// not wait.
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
