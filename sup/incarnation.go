package sup

import (
	"context"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/espalier-go/espalier/internal/identity"
	"github.com/espalier-go/espalier/internal/late"
)

// An incarnation is one life of a child, and the context of it.
//
// As a context it carries the values of the supervisor's context and not its
// cancellation (W5). It registers with no parent and makes its done channel
// when somebody asks for it, which is what makes a restart, and an idle child,
// cheap.
type incarnation struct {
	child   *child
	prevErr error // with prevKind, how the previous incarnation ended; fixed

	// Owned by the goroutine that lives this life, until it is over.
	outcome Exit
	phase   lifePhase
	next    lifePhase // after lifeGather
	calling bool      // user code is being called

	prevKind ExitKind
	closed   bool // takes no more goroutines; protected by mu

	// Protected by child.sup.mu.
	begun       bool // it was its turn to start
	callerWaits bool // somebody waits for its start and decides what a failure means
	automatic   bool // a restart that nobody asked for
	supervisor  bool // the worker is one; set once it is made
	ignored     bool // its start function chose not to start it
	exhausted   bool // its start failed because the host has run out of something
	ready       bool
	over        bool // it has ended, or was abandoned
	abandoned   bool
	overBudget  bool // its child is to be quarantined when it is gone
	extended    bool // its time for stopping, because the program was stopped meanwhile
	intent      stopIntent
	n           int // from 1; fixed once begun

	mu sync.Mutex // protects done, cause and more; held for moments only

	readyAt time.Duration // this one, and the next two, are protected by child.sup.mu
	stopBy  time.Duration // when its time for stopping ends; 0 as long as it has not begun
	limits  *limits       // nil where nothing has been bounded

	done  chan struct{} // made when asked for
	cause error         // why it is cancelled; nil until then
	more  *attachments  // made when needed

	body body // fixed; last, and so beside the worker: a Get finds both in one cache line
}

// limits are the timers of an incarnation.
type limits struct {
	timer  *time.Timer // bounds its start, then its stop
	watch  *time.Timer // of the watchdog
	silent late.Limit  // of the watchdog; protected by child.sup.mu
	heard  int64       // the beat from which it runs; protected by child.sup.mu
	beat   atomic.Int64
}

// body is the typed part of an incarnation, see [life].
type body interface{ worker() Worker }

// fate is what a supervisor has in mind for an incarnation that it has asked
// to stop.
type stopIntent uint8

const (
	intentNone    stopIntent = iota // not asked
	intentReplace                   // start again at once, for an operator
	intentRestart                   // start again with the round
	intentStop                      // stay declared, stopped
)

// attachments are what few incarnations need.
type attachments struct {
	afters    map[*func()]struct{} // functions to call on cancellation
	cancelled context.Context      // a context of the standard library, cancelled with the cause
	traced    context.Context      // of its task in an execution trace
	task      *trace.Task          // that has not ended
	tasks     int                  // goroutines started by Go that have not returned
	idle      chan struct{}        // made by who waits for tasks to be 0
	nested    *supervision         // what the worker is, where that is a supervisor
	replaced  *incarnation         // the incarnation with which an operator has replaced this one
	failure   error                // of a goroutine, the watchdog or the start timeout: takes the place of Run's
}

// incarnationOf returns the incarnation whose context ctx is or derives from.
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
// ended; its Kind is ExitNone in the first.
func Previous(ctx context.Context) Exit {
	if inc := incarnationOf(ctx); inc != nil {
		return Exit{inc.prevKind, inc.prevErr}
	}
	return Exit{}
}

// Deadline implements [context.Context]; there is none.
func (inc *incarnation) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }

// Done implements [context.Context].
func (inc *incarnation) Done() <-chan struct{} {
	inc.mu.Lock()
	defer inc.mu.Unlock()
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

// stopCause is the cause of the cancellation, nil before it.
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
	return inc.valuesContext().Value(key)
}

// valuesContext is where all other values are. context.Cause asks for the
// value of a key of its own, and the answer must come from a context of the
// standard library; so once cancelled, there is one.
func (inc *incarnation) valuesContext() context.Context {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	values := inc.child.sup.values
	if inc.more != nil && inc.more.traced != nil {
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

// AfterFunc lets contexts that derive from this one be cancelled with it,
// without a goroutine each: package context looks for this method.
func (inc *incarnation) AfterFunc(f func()) (stop func() bool) {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	if inc.cause != nil {
		go f() // the caller may hold locks that f takes
		return func() bool { return false }
	}
	more := inc.moreLocked()
	if more.afters == nil {
		more.afters = make(map[*func()]struct{})
	}
	key := &f
	more.afters[key] = struct{}{}
	return func() bool {
		inc.mu.Lock()
		defer inc.mu.Unlock()
		_, ok := more.afters[key]
		delete(more.afters, key)
		return ok
	}
}

// cancel cancels the context. Only the first call has an effect.
func (inc *incarnation) cancel(cause error) {
	inc.mu.Lock()
	inc.cancelLocked(cause)
	inc.mu.Unlock()
}

// cancelLocked is cancel. What has been registered it calls in a goroutine of
// its own, which is the caller's and not the supervisor's: it may block.
func (inc *incarnation) cancelLocked(cause error) {
	if inc.cause != nil {
		return
	}
	inc.cause = cause
	if inc.done != nil {
		close(inc.done)
	}
	if inc.more != nil && len(inc.more.afters) > 0 {
		go callAll(inc.more.afters)
		inc.more.afters = nil
	}
}

func callAll(afters map[*func()]struct{}) {
	for f := range afters {
		(*f)()
	}
}

func (inc *incarnation) moreLocked() *attachments {
	if inc.more == nil {
		inc.more = new(attachments)
	}
	return inc.more
}

// fail ends the incarnation: whatever its Run returns, err is what it ended
// with, unless something else failed before.
func (inc *incarnation) fail(err error) {
	inc.note(err)
	inc.cancel(err)
}

// supervision returns what the worker is, or nil where that is no supervisor.
func (inc *incarnation) supervision() *supervision {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	if inc.more == nil {
		return nil
	}
	return inc.more.nested
}

// note is fail without the cancellation.
func (inc *incarnation) note(err error) {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	if more := inc.moreLocked(); more.failure == nil {
		more.failure = err
	}
}

// failure is what fail was first called with.
func (inc *incarnation) failure() error {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	if inc.more == nil {
		return nil
	}
	return inc.more.failure
}

// replaceWith sets the incarnation that takes the place of this one.
func (inc *incarnation) replaceWith(next *incarnation) {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	inc.moreLocked().replaced = next
}

// replacement returns what replaceWith has set, or nil.
func (inc *incarnation) replacement() *incarnation {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	if inc.more == nil {
		return nil
	}
	return inc.more.replaced
}

// mark identifies the goroutines of an incarnation in a dump of all stacks: an
// array is passed in memory, and so printed exactly. See [stacksOf].
func (inc *incarnation) stackTag() [2]uintptr {
	return [2]uintptr{stackTagPrefix, uintptr(unsafe.Pointer(inc))}
}

const (
	lifeBackoff    lifePhase = iota // waiting for its turn to start
	lifeStart                       // in the start function
	lifeInitialize                  // in Initialize
	lifeRun                         // in Run
	lifeGoroutines                  // waiting for the goroutines of [Go]
	lifeTerminate                   // in Terminate
	lifeOver
)

// lifePhase is where in its life an incarnation is (W2).
type lifePhase uint8
