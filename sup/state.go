package sup

const (
	// Idle: declared, and not yet its turn to start.
	StateIdle State = iota
	// Starting: in its start function or in Initialize.
	StateStarting
	// Running: ready.
	StateRunning
	// Restarting: down, and coming back by itself: it waits for its backoff, or
	// for the round that it is part of.
	StateRestarting
	// Stopping: asked to stop, and still within its time.
	StateStopping
	// Stuck: not stopped within its time.
	StateStuck
	// Stopped: down, until an operator restarts it or a round does.
	StateStopped
	// Quarantined: down, past its own budget, until an operator restarts it.
	StateQuarantined
)

// Kind tells a supervisor from a worker.
type Kind uint8

// String returns "worker" or "supervisor".
func (k Kind) String() string { return nameOf(k, "worker", "supervisor") }

const (
	// KindWorker is a child that is no supervisor, or that has not been made.
	KindWorker Kind = iota
	// KindSupervisor is a child that is one.
	KindSupervisor
)

const (
	// NoSet: each child has a declaration of its own.
	SetNone SetKind = iota
	// KeyedSet: they are those of a [Keyed].
	SetKeyed
	// ReplicaSet: they are those of a [Replicas].
	SetReplicas
)

// SetKind says whether the children of a supervisor are alike.
type SetKind uint8

// String returns "none", "keyed" or "replicas".
func (k SetKind) String() string { return nameOf(k, "none", "keyed", "replicas") }

// State is where a child stands.
type State uint8

// AtRest reports that the child stays as it is until an operator's call, or a
// round, starts it: it is stopped or quarantined.
func (s State) AtRest() bool { return s == StateStopped || s == StateQuarantined }

// String returns the name in lower case.
func (s State) String() string {
	return nameOf(s, "idle", "starting", "running", "restarting", "stopping", "stuck", "stopped", "quarantined")
}
