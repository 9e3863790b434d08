package sup

import "context"

// Ensure returns a handle to the child with the given key when the child is ready. If no
// child has the key, Ensure adds one and starts it, like [Keyed.StartChild]. It is meant
// for children that are started on demand, such as one for each customer:
//
//	h, err := customers.Ensure(ctx, id)
//
// Any number of callers may ask for the same key. One of them starts the child, and the
// others wait for that start and share its error. If the ctx of the caller that starts the
// child ends, another caller starts it.
//
// Ensure waits for a child that restarts or is being removed, for a set that has not been
// started, and for a set that its parent restarts. ctx bounds all that. It takes no lock
// and does not allocate if the child is ready.
//
// Ensure never undoes the call of an operator. For a child that is stopped or quarantined
// it returns [ErrStopped] or [ErrQuarantined] together with the handle. [ErrStopped] is
// also the error if the start function returns [ErrIgnore], or [ErrNotFound] if the child
// is temporary. The other errors, in a [CallError] too, are the cause of ctx and those of
// StartChild, except that no child has the key already.
func (k *Keyed[K, W]) Ensure(ctx context.Context, key K) (Child[W], error) {
	if !nameable(key) {
		return noChild[W](), k.answer("ensure", key, ErrKey)
	}
	for {
		life := k.current()
		m, found := k.member(key)
		var err error
		switch {
		case found && m.live.Load() != nil:
			return Child[W]{&m.self}, nil
		case found:
			life = m.sup
			err = life.awaitReady(ctx, &m.child)
		default:
			m = k.newMember(life, key)
			var other *child
			if other, err = k.add(ctx, life, m); other != nil {
				continue // another caller was faster
			}
			if err == nil {
				err = life.declinedError(&m.child)
			}
		}
		switch err {
		case nil, ErrStopped, ErrQuarantined:
			return Child[W]{&m.self}, k.answer("ensure", key, err)
		case errGone:
			continue
		case errNotStarted, errEnded, ErrShuttingDown: // of this life of the set; there may be another by now
			if err = life.awaitNext(ctx, err); err == nil || k.current() != life && ctx.Err() == nil {
				continue
			}
		}
		return noChild[W](), k.answer("ensure", key, err)
	}
}
