package sup

import "slices"

// roundState is the round in progress, and the failures that wait for their turn.
type roundState struct {
	queue   []*child      // failures that wait for their round, or for the end of the start, in order
	wake    chan struct{} // nil if nothing waits; closed when a failure joins the queue
	running bool          // set while a goroutine runs rounds; there is one at most

	// The round that is stopping its children.
	stopping bool
	cause    *child   // the child whose failure caused it
	from, to uint64   // its children, by seq; children that are added meanwhile come after to
	excluded []*child // children that an operator was starting when the round came to them

	// The round that waits to start its children.
	waiting     *child // the child whose turn or backoff it waits for; nil if no round waits
	waitingFrom uint64 // the seq of the first child that it starts
}

// isStoppingLocked reports whether a failure of c is part of the round that is
// stopping its children (I5).
func (s *core) isStoppingLocked(c *child) bool {
	r := &s.round
	return r.stopping && r.from <= c.seq && c.seq <= r.to && !slices.Contains(r.excluded, c)
}
