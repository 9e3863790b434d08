package sup

import (
	"context"
	"fmt"
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

// handle returns a handle to the child that find finds.
func handle[W Worker](f *supervision, id string, find func() *child) Child[W] {
	ref := &reference{lookup: &lookup{f, id, find}}
	ref.child()
	return Child[W]{ref}
}

// noChild returns a handle without a child, for a call that has added none.
func noChild[W Worker]() Child[W] { return Child[W]{new(reference)} }

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

// Do calls f with ctx and the live worker, and returns what f returns. It waits for
// a worker like Wait, and returns the errors of Wait. A nil f does nothing.
//
// The worker may end while f runs. Do then neither calls f again nor cancels its
// context. A worker whose methods may block keeps the context that its start
// function was given, which ends with the incarnation, and ends its methods with it.
func (h Child[W]) Do(ctx context.Context, f func(ctx context.Context, w W) error) error {
	w, err := h.Wait(ctx)
	if err != nil || f == nil {
		return err
	}
	return f(ctx, w)
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
