package sup

import "slices"

// roundState is the round that is going on, and the failures that wait for theirs.
type roundState struct {
	queue       []*child      // failures that wait for their round, or for the end of the start, in order
	wake        chan struct{} // nil if nothing waits; closed when a failure joins the queue
	running     bool          // set while a goroutine runs rounds
	stopping    bool          // set while a round stops its children
	cause       *child        // the child whose failure led to that round
	from, to    uint64        // the first and the last child of that round; children that are added meanwhile come after to
	excluded    []*child      // children that an operator was starting when the round came to them
	waiting     *child        // the child whose turn or backoff the rest of a round waits for; nil if no round waits
	waitingFrom uint64        // where in the order that round starts
}

// isStoppingLocked reports whether a failure of c is part of the round that is
// stopping its children (I5).
func (s *core) isStoppingLocked(c *child) bool {
	r := &s.round
	return r.stopping && r.from <= c.seq && c.seq <= r.to && !slices.Contains(r.excluded, c)
}
