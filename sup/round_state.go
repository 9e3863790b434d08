package sup

import "time"

// A round stops and starts the children that the failure of one child concerns. It
// lives from the turn of that failure until all its members have been started, or have
// been left to another round.
type round struct {
	// failed is the child whose failure caused the round. Before it starts its members, the
	// round waits for the turn or the backoff of this child.
	failed   *child
	plan     plan[*child]
	outside  bool          // set if failed is no member of the plan: the round waits until it is started
	stopping bool          // set while it stops its members
	backoff  time.Duration // the wait of the failed child before its restart
}

// roundState is the rounds of a supervisor, and the failures that wait for their turn.
// A child belongs to one round at most that stops or starts children, see [child.round].
type roundState struct {
	line    []*child      // failures that wait for their round, or for the end of the start, in order
	waiting []*round      // have stopped their members and wait for a turn or a backoff
	going   int           // number of rounds that stop or start children now
	running bool          // set while a goroutine begins rounds; there is one at most
	wake    chan struct{} // nil if that goroutine does not wait; closed when it has to look again
}

// isStoppingLocked reports whether a failure of c is part of a round that is stopping its
// children (I5).
func (s *core) isStoppingLocked(c *child) bool {
	return c.round != nil && c.round.stopping
}

// freeLocked reports whether a round may begin. No two rounds share a child, and under
// OneForAll and RestForOne no two go on at once.
func (s *core) freeLocked(p plan[*child]) bool {
	if s.rounds.going == 0 {
		return true
	}
	if p.waits == nil {
		return false
	}
	for _, c := range p.members {
		if c.round != nil {
			return false
		}
	}
	return true
}

// goLocked makes a round that stops or starts children the round of its members.
func (s *core) goLocked(r *round) {
	s.rounds.going++
	for _, c := range r.plan.members {
		c.round = r
	}
}

// leaveLocked takes children out of a round.
func (r *round) leaveLocked(members []*child) {
	for _, c := range members {
		if c.round == r {
			c.round = nil
		}
	}
}

// wakeRoundsLocked makes the goroutine that begins rounds look again.
func (s *core) wakeRoundsLocked() { s.rounds.wake = closeMade(s.rounds.wake) }
