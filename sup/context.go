package sup

import (
	"context"
	"time"

	"github.com/espalier-go/espalier/internal/identity"
)

// An incarnation is the context of its worker. It carries the values of the
// supervisor's context, but not its cancellation: children are stopped in order,
// and each with a cause (W5). It registers with no parent, and makes its done
// channel on demand, which makes a restart and an idle child cheap.

// incarnationOf returns the incarnation whose context ctx is, or derives from.
func incarnationOf(ctx context.Context) *incarnation {
	inc, _ := identity.Of(ctx).(*incarnation)
	return inc
}

// Path returns the path of the child whose incarnation ctx belongs to, such as
// "orders/feeds/ACME", or "" if it belongs to none.
func Path(ctx context.Context) string {
	if inc := incarnationOf(ctx); inc != nil {
		return inc.child.path()
	}
	return ""
}

// Incarnation returns the number of the incarnation that ctx belongs to, from
// 1, or 0 if it belongs to none.
func Incarnation(ctx context.Context) int {
	if inc := incarnationOf(ctx); inc != nil {
		return inc.n
	}
	return 0
}

// Previous returns how the incarnation before the one that ctx belongs to
// ended. Its Kind is ExitNone in the first incarnation.
func Previous(ctx context.Context) Exit {
	if inc := incarnationOf(ctx); inc != nil {
		return Exit{inc.prevKind, inc.prevErr}
	}
	return Exit{}
}

// Deadline implements [context.Context]. There is no deadline.
func (inc *incarnation) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// Done implements [context.Context].
func (inc *incarnation) Done() <-chan struct{} {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	// Workers that only look at Err, or wait for a channel of their own, never need it.
	if inc.done == nil {
		inc.done = make(chan struct{})
		if inc.cause != nil {
			close(inc.done)
		}
	}
	return inc.done
}

// Err implements [context.Context].
func (inc *incarnation) Err() error {
	if inc.stopCause() != nil {
		return context.Canceled
	}
	return nil
}

// stopCause returns the cause of the cancellation, or nil before it.
func (inc *incarnation) stopCause() error {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	return inc.cause
}

// Value implements [context.Context].
func (inc *incarnation) Value(key any) any {
	if _, ok := key.(identity.Key); ok {
		return inc
	}
	// The lock is released here: the Value method of a context of the user may
	// take any time.
	return inc.valuesContext().Value(key)
}

// valuesContext returns the context that holds all other values. After the
// cancellation it is a context of the standard library, because context.Cause asks
// for the value of a private key that only such a context answers.
func (inc *incarnation) valuesContext() context.Context {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	values := inc.child.sup.values
	if inc.more != nil && inc.more.traced != nil { // it derives from the values of the supervisor
		values = inc.more.traced
	}
	if inc.cause == nil {
		return values
	}
	more := inc.moreLocked()
	if more.cancelled == nil {
		ctx, cancel := context.WithCancelCause(values)
		cancel(inc.cause)
		more.cancelled = ctx
	}
	return more.cancelled
}

// AfterFunc makes package context cancel derived contexts without a goroutine for
// each: the package looks for a method of this name.
func (inc *incarnation) AfterFunc(f func()) (stop func() bool) {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	if inc.cause != nil {
		go f() // the caller may hold locks that f takes
		return func() bool { return false }
	}
	more := inc.moreLocked()
	if more.afterFuncs == nil {
		more.afterFuncs = make(map[*func()]struct{})
	}
	// Functions cannot be compared, but their addresses can: each call has its own f.
	key := &f
	more.afterFuncs[key] = struct{}{}
	return func() bool {
		inc.mu.Lock()
		defer inc.mu.Unlock()
		_, ok := more.afterFuncs[key]
		delete(more.afterFuncs, key)
		return ok
	}
}

// cancel cancels the context. Only the first call has an effect.
func (inc *incarnation) cancel(cause error) {
	inc.mu.Lock()
	inc.cancelLocked(cause)
	inc.mu.Unlock()
}

// cancelLocked is cancel with mu held. It calls the functions of AfterFunc in a
// goroutine that nothing waits for: they are code of the user, and may block.
func (inc *incarnation) cancelLocked(cause error) {
	if inc.cause != nil {
		return
	}
	// The cause is set first: whatever wakes up because done is closed can read it.
	inc.cause = cause
	if inc.done != nil {
		close(inc.done)
	}
	if inc.more != nil && len(inc.more.afterFuncs) > 0 {
		go callAll(inc.more.afterFuncs)
		inc.more.afterFuncs = nil
	}
}

// callAll calls the functions that were registered with AfterFunc, in no order.
func callAll(afterFuncs map[*func()]struct{}) {
	for f := range afterFuncs {
		(*f)()
	}
}
