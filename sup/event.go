package sup

import "time"

// EventKind says what happened.
type EventKind uint8

const (
	_ EventKind = iota
	// ChildStarting: an incarnation begins.
	ChildStarting
	// ChildReady: its Initialize has returned; Run is next.
	ChildReady
	// ChildStopping: it was told to stop, or is unhealthy, or its start has
	// timed out, or a goroutine of it has failed.
	ChildStopping
	// ChildStuck: it has not stopped within its time. Stack shows where it is.
	ChildStuck
	// ChildExited: it has ended; Exit tells how.
	ChildExited
	// ChildRestarting: it will be started again, after Delay or with its round.
	ChildRestarting
	// ChildStopped: it is at rest: declared, and down.
	ChildStopped
	// ChildQuarantined: it is at rest because its own budget is used up.
	ChildQuarantined
	// ChildRemoved: it is no longer declared.
	ChildRemoved
	// SupervisorStarted: all its children are ready.
	SupervisorStarted
	// SupervisorFailed: it ends because of a failure, which Exit carries.
	SupervisorFailed
	// SupervisorStopped: nothing of it is left. Exit says why it has ended: a failure;
	// an [ExitShutdown] with what asked for it, which is a call of Shutdown, the
	// cancellation or the deadline of its context, or the supervisor above; or an
	// [ExitNormal] if its significant children have ended.
	SupervisorStopped
	// ObserverPanicked: an observer did, in its call for an earlier event; Exit
	// carries the panic.
	ObserverPanicked
)

// String returns words such as "child starting".
func (k EventKind) String() string {
	return nameOf(k, "none",
		"child starting", "child ready", "child stopping", "child stuck", "child exited",
		"child restarting", "child stopped", "child quarantined", "child removed",
		"supervisor started", "supervisor failed", "supervisor stopped", "observer panicked")
}

// An Event is one thing that happened in a tree.
type Event struct {
	Kind        EventKind     `json:"kind"`
	Seq         uint64        `json:"seq"` // counts the events of a tree, from 1
	Time        time.Time     `json:"time"`
	Path        string        `json:"path"`                 // of the child or the supervisor
	ID          string        `json:"id,omitzero"`          // of the child
	Incarnation int           `json:"incarnation,omitzero"` // of the child
	Exit        Exit          `json:"exit,omitzero"`        // of ChildExited and what follows from it, and of SupervisorFailed and SupervisorStopped
	Delay       time.Duration `json:"delay,omitzero"`       // of ChildRestarting: the wait before the start
	Because     string        `json:"because,omitzero"`     // of ChildStopping and ChildRestarting in a round: the path of the child whose failure led to it
	Stack       string        `json:"stack,omitzero"`       // of ChildStuck
	// HostExhausted is set in ChildRestarting if the last start failed because this
	// host has run out of descriptors, memory or processes: an error of the start
	// wraps EMFILE, ENFILE or ENOMEM, or the EAGAIN of a fork, a pipe or a socket.
	// Such a start does not count towards any intensity or budget. The next one
	// comes after Delay, which is a second at least.
	HostExhausted bool `json:"hostExhausted,omitzero"`
}

// An Observer is told every event of the supervisors that it was given to and
// of those below them. The events of a tree come in order and one at a time, in
// a goroutine of the tree's, so an observer may call back into the tree, and
// even shut it down. A slow one delays no supervisor, but a tree that restarts
// faster than it is observed is held back. When [Supervisor.Done] is closed,
// all have been told everything.
//
// It must not wait for a child without a deadline ([Child.Wait], [Child.Do]):
// once it is a few thousand events behind, no child is restarted automatically
// until it has caught up. Nor has the tree ended before its observers have
// returned. For what is slow or may block there is [Subscription].
//
// An observer that panics is told further events all the same.
type Observer interface {
	Observe(e Event)
}

// ObserverFunc is a function as an [Observer].
type ObserverFunc func(e Event)

// Observe calls f.
func (f ObserverFunc) Observe(e Event) { f(e) }

const (
	// DefaultRecord is how many events a supervisor keeps, unless its spec says
	// otherwise.
	DefaultRecord = 256
	// maxRecord bounds what a spec may ask for.
	maxRecord = 1 << 20
	// recentEvents is how many of them an [IntensityError] carries.
	recentEvents = 32
)

// news is what an event tells that is not to be seen from its child. An Event
// is large, and to pass one around, when nobody listens, would let the stack of
// each of many children that fail at once grow, under the lock: that doubled
// the time of a storm.
type eventDraft struct {
	kind  EventKind
	delay time.Duration
	exit  Exit
}
