package sup

// State is the state of a child.
type State uint8

const (
	// StateIdle is a declared child that has not been started.
	StateIdle State = iota
	// StateStarting is a child in its start function or in Initialize.
	StateStarting
	// StateRunning is a child that is ready.
	StateRunning
	// StateRestarting is a child that is down and will be started again by its
	// supervisor, after its backoff or with the rest of a round.
	StateRestarting
	// StateStopping is a child that was asked to stop and has time left.
	StateStopping
	// StateStuck is a child that has not stopped within its time.
	StateStuck
	// StateStopped is a child that is down until an operator or a round starts it.
	StateStopped
	// StateQuarantined is a child that is down because its own budget is used up.
	// Only an operator starts it again.
	StateQuarantined
)

// AtRest reports whether the child is stopped or quarantined. Its supervisor does
// not restart such a child by itself.
func (s State) AtRest() bool { return s == StateStopped || s == StateQuarantined }

// String returns the name in lower case, such as "running".
func (s State) String() string { return nameOf(s, stateNames) }

var stateNames = []string{"idle", "starting", "running", "restarting", "stopping", "stuck", "stopped", "quarantined"}

// Kind says whether a child is a supervisor.
type Kind uint8

const (
	// KindWorker is a child that is not a supervisor, or that has no worker yet.
	KindWorker Kind = iota
	// KindSupervisor is a child that is a supervisor.
	KindSupervisor
)

// String returns "worker" or "supervisor".
func (k Kind) String() string { return nameOf(k, childKindNames) }

var childKindNames = []string{"worker", "supervisor"}

// SetKind says whether all children of a supervisor share one declaration.
type SetKind uint8

const (
	// SetNone is a supervisor each of whose children has its own declaration.
	SetNone SetKind = iota
	// SetKeyed is a [Keyed].
	SetKeyed
	// SetReplicas is a [Replicas].
	SetReplicas
)

// String returns "none", "keyed" or "replicas".
func (k SetKind) String() string { return nameOf(k, setKindNames) }

var setKindNames = []string{"none", "keyed", "replicas"}
