package sup

import "time"

// An Event describes one change in a tree.
type Event struct {
	// Kind says what happened.
	Kind EventKind `json:"kind"`
	// Seq numbers the events of a tree, from 1.
	Seq uint64 `json:"seq"`
	// Time is the time of the event.
	Time time.Time `json:"time"`
	// Path is the path of the child or the supervisor.
	Path string `json:"path"`
	// ID is the id of the child. It is empty in events of a supervisor.
	ID string `json:"id,omitzero"`
	// Incarnation is the number of the child's incarnation. It is 0 in events of a
	// supervisor.
	Incarnation int `json:"incarnation,omitzero"`
	// Exit says how the incarnation or the supervisor ended. It is set in ChildExited
	// and the events that follow from it, SupervisorFailed, SupervisorStopped and
	// ObserverPanicked.
	Exit Exit `json:"exit,omitzero"`
	// Delay is the wait before the next start. It is set in ChildRestarting.
	Delay time.Duration `json:"delay,omitzero"`
	// Because is the path of the child whose failure led to the round. It is set in
	// ChildStopping and ChildRestarting of other children in the round.
	Because string `json:"because,omitzero"`
	// Stack holds the stacks of the child's goroutines. It is set in
	// ChildStuck, and empty in an event that is read from the record.
	Stack string `json:"stack,omitzero"`
	// HostExhausted is set in ChildRestarting if the last start failed because the
	// host ran out of descriptors, memory or processes. The error of the start then
	// wraps EMFILE, ENFILE or ENOMEM, or is the EAGAIN of a fork, pipe or socket.
	//
	// Such a start does not count towards any intensity or budget, and the next one
	// comes after at least a second.
	HostExhausted bool `json:"hostExhausted,omitzero"`
}

// An Observer receives the events of the supervisors whose specs name it, and of
// their descendants.
//
// Observe is called in the order of the events, one call at a time, in a goroutine
// of the tree. It may query the tree and call operators. A slow observer delays no
// supervisor at first. When 4096 events are waiting, automatic restarts in the tree
// wait until the observers have caught up. [Supervisor.Done] is closed after the last
// call has returned.
//
// An observer takes no time under the lock of a supervisor. An event costs its supervisor
// a copy of about 100 bytes, and a restart without a pause, which has four events, takes
// about half as long again. Events that come together are delivered together, by one
// goroutine that exists only while events wait. Nothing is allocated for an event, except
// the path of a child when its event does not follow another of the same child. A tree
// may keep about 1 MiB for events that wait, if that many have waited.
//
// Observe must not wait for anything that needs its own tree to go on. Call
// [Child.Wait] and [Child.Do] with a deadline only. Call Start, Run and Shutdown of
// its own tree in a new goroutine only: Shutdown waits for the observers. For slow or
// blocking work use [Inspector.Events].
//
// An observer that panics is reported by [ObserverPanicked] and receives further
// events.
type Observer interface {
	// Observe is called with each event.
	Observe(e Event)
}

// ObserverFunc is a function that implements [Observer].
type ObserverFunc func(e Event)

// Observe calls f.
func (f ObserverFunc) Observe(e Event) { f(e) }

const (
	// DefaultRecord is the number of events that a supervisor without a parent keeps
	// if its spec gives none.
	DefaultRecord = 256
	// maxRecord is the largest Record of a spec.
	maxRecord = 1 << 20
	// recentEvents is the largest number of events in an [IntensityError].
	recentEvents = 32
)

// eventDraft holds what the child of an event does not know. An Event is large.
// Passing Events by value, even without listeners, grew the stacks of all children
// that failed at once, under the lock, and doubled the time of a storm.
type eventDraft struct {
	kind  EventKind
	delay time.Duration
	exit  Exit
}
