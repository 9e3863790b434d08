package sup

import "time"

// SetKind says whether the children of a supervisor are alike.
type SetKind uint8

const (
	// NoSet: each child has a declaration of its own.
	NoSet SetKind = iota
	// KeyedSet: they are those of a [Keyed].
	KeyedSet
	// ReplicaSet: they are those of a [Replicas].
	ReplicaSet
)

// String returns "none", "keyed" or "replicas".
func (k SetKind) String() string { return nameOf(k, "none", "keyed", "replicas") }

// Policy is what a snapshot tells of the declaration of a child besides its
// restart policy: the fields of its [ChildSpec], with the defaults of Backoff and
// Budget filled in. It is the zero Policy if nothing was declared.
type Policy struct {
	Shutdown     time.Duration `json:"shutdown,omitzero"` // as declared: 0 is the default, see also Infinity and Brutal
	StartTimeout time.Duration `json:"startTimeout,omitzero"`
	Backoff      Backoff       `json:"backoff,omitzero"`
	Budget       Intensity     `json:"budget,omitzero"`
	Watchdog     time.Duration `json:"watchdog,omitzero"`
	Stuck        WhenStuck     `json:"stuck,omitzero"`
}

func (p *policy) told() Policy {
	return Policy{p.shutdown, p.startTimeout, p.backoff, p.budget, p.watchdog, p.stuck}
}
