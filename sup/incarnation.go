package sup

import (
	"context"
	"runtime/trace"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/espalier-go/espalier/internal/late"
)

// An incarnation is one life of a child, and the context that its worker gets
// (see context.go).
//
// There is one incarnation for each start, and one for each idle worker, so its
// size decides what a restart and a million children cost. What few incarnations
// need is in attachments and limits, which are made on demand.
type incarnation struct {
	child   *child
	prevErr error // with prevKind, how the previous incarnation ended; fixed

	// Owned by the goroutine of the incarnation.
	outcome Exit
	phase   lifePhase
	next    lifePhase // the phase after lifeGoroutines
	calling bool      // set while user code runs

	prevKind ExitKind
	closed   bool // set when no more goroutines are taken; guarded by mu

	// Guarded by child.sup.mu.
	startedBy  initiator
	start      startState
	supervisor bool // set when the worker has been made and is a supervisor
	n          int  // the number of the incarnation, from 1; fixed when the start begins
	readyAt    time.Duration
	stopState
	limits *limits // nil if no timeout or watchdog is set

	// Guards the fields below and closed. It is held for moments only, and taken
	// after child.sup.mu.
	mu    sync.Mutex
	done  chan struct{} // nil until Done is called
	cause error         // why the context is cancelled; nil before
	more  *attachments  // nil until needed

	body body // fixed; last, so that a Get finds it and the worker in one cache line
}

// stopState is how an incarnation is stopped, and how far that has come.
type stopState struct {
	stopBy   time.Duration // when the shutdown timeout ends; 0 until it begins
	intent   stopIntent
	endState endState
	timed    bool // set when a timer of the shutdown timeout has been set
	extended bool // set when stopBy was moved because the whole program had been suspended
}

// limits are the timers of an incarnation. Except for beat, child.sup.mu guards
// them.
type limits struct {
	timer    *time.Timer // bounds the start, then the stop
	watch    *time.Timer // of the watchdog
	silent   late.Limit  // how long the worker may go without a beat
	lastBeat int64       // the beat that silent counts from
	beat     atomic.Int64
}

// attachments are what few incarnations need.
type attachments struct {
	afterFuncs map[*func()]struct{} // called on cancellation
	cancelled  context.Context      // a context of the standard library that is cancelled with the same cause
	traced     context.Context      // of task
	task       *trace.Task          // of an execution trace; nil if none is running
	tasks      int                  // goroutines of Go that have not returned
	idle       chan struct{}        // nil if nothing waits; closed when tasks is 0
	nested     *supervision         // the worker, if it is a supervisor
	next       *incarnation         // the incarnation with which an operator has replaced this one
	failure    error                // of a goroutine, the watchdog or the start timeout: replaces the error of Run
	stack      string               // taken when the incarnation became stuck
}

// body is the typed part of an incarnation, see [life].
type body interface{ worker() Worker }

// initiator says what began an incarnation, and so what follows if its start
// fails.
type initiator uint8

const (
	byCaller  initiator = iota // the start of the supervisor or an operator: it waits, and gets the error
	byRound                    // a round: it waits, and the failure joins the queue
	byRestart                  // the restart of this child alone: nothing waits, and the failure is decided like an exit
)

// startState is how far the start of an incarnation has come.
type startState uint8

const (
	startPending   startState = iota // waits for its backoff
	startBegun                       // its turn has come
	startReady                       // the worker is ready
	startIgnored                     // the start function chose not to start the child (ErrIgnore)
	startExhausted                   // failed because the host has run out of a resource
)

// stopIntent says what follows when an incarnation that was asked to stop has
// stopped. A later intent replaces a smaller one.
type stopIntent uint8

const (
	intentNone       stopIntent = iota // not asked to stop
	intentReplace                      // the child starts again at once, for an operator
	intentRestart                      // the child starts again with the round
	intentStop                         // the child stays stopped
	intentQuarantine                   // the child is quarantined
)

// staysDown reports whether the child is not started again.
func (i stopIntent) staysDown() bool { return i >= intentStop }

// endState is whether the supervisor has settled the end of an incarnation.
type endState uint8

const (
	endNone      endState = iota // not settled
	endExited                    // settled when the goroutine of the incarnation had finished it
	endAbandoned                 // settled while the goroutine has not returned, because the child is stuck
)

// overLocked reports whether the end is settled. Nothing that the incarnation does
// after that changes its child (R4).
func (s *stopState) overLocked() bool { return s.endState != endNone }

// endingLocked reports whether the shutdown timeout is running, or the end is
// settled.
func (s *stopState) endingLocked() bool { return s.stopBy != 0 || s.overLocked() }

// lifePhase is which part of its life an incarnation is in (W2).
type lifePhase uint8

const (
	lifeBackoff    lifePhase = iota // waiting for its backoff
	lifeStart                       // in the start function
	lifeInitialize                  // in Initialize
	lifeRun                         // in Run
	lifeGoroutines                  // waiting for the goroutines of [Go]
	lifeTerminate                   // in Terminate
	lifeOver
)

// moreLocked returns the attachments, and makes them on the first call.
func (inc *incarnation) moreLocked() *attachments {
	if inc.more == nil {
		inc.more = new(attachments)
	}
	return inc.more
}

// fail cancels the incarnation with err, and makes err its outcome whatever Run
// returns, unless something else failed before.
func (inc *incarnation) fail(err error) {
	inc.setFailure(err)
	inc.cancel(err)
}

// setFailure is fail without the cancellation.
func (inc *incarnation) setFailure(err error) {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	if more := inc.moreLocked(); more.failure == nil {
		more.failure = err
	}
}

// failure returns the error of the first call of fail or setFailure.
func (inc *incarnation) failure() error {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	if inc.more == nil {
		return nil
	}
	return inc.more.failure
}

// stackText returns the stack that was taken when the incarnation became stuck, or "".
func (inc *incarnation) stackText() string {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	if inc.more == nil {
		return ""
	}
	return inc.more.stack
}

// setStack sets the result of stackText.
func (inc *incarnation) setStack(stack string) {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	inc.moreLocked().stack = stack
}

// replaceWith sets the incarnation that takes the place of this one.
func (inc *incarnation) replaceWith(next *incarnation) {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	inc.moreLocked().next = next
}

// replacement returns the incarnation that replaceWith has set, or nil.
func (inc *incarnation) replacement() *incarnation {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	if inc.more == nil {
		return nil
	}
	return inc.more.next
}

// supervision returns the worker as a supervisor, or nil if it is none.
func (inc *incarnation) supervision() *supervision {
	inc.mu.Lock()
	defer inc.mu.Unlock()
	if inc.more == nil {
		return nil
	}
	return inc.more.nested
}

// stackTag identifies the goroutines of an incarnation in a dump of all stacks.
// It is an array because the traceback prints the elements of an array argument
// exactly: the compiler passes an array in memory. See stack.go.
func (inc *incarnation) stackTag() [2]uintptr {
	return [2]uintptr{stackTagPrefix, uintptr(unsafe.Pointer(inc))}
}
