package sup

import "fmt"

// Children that do not stop in time (X6), and what is left of a tree.

// markOverdue makes those incarnations stuck whose shutdown timeout is over. It takes
// one dump of the stacks for all of them.
func (s *core) markOverdue(incs ...*incarnation) {
	var late []*incarnation
	now := s.now()
	s.mu.Lock()
	for _, inc := range incs {
		if !inc.overLocked() && inc.child.state != StateStuck && inc.stopBy != 0 && inc.stopBy <= now {
			late = append(late, inc)
		}
	}
	s.mu.Unlock()
	if len(late) == 0 {
		return
	}
	// A dump stops the program, so it is taken without the lock. Some may end
	// meanwhile: markStuck looks again.
	dump := s.abandoned.dump()
	for _, inc := range late {
		s.markStuck(inc, dump.of(inc))
	}
}

// markStuck makes a child stuck, unless its incarnation has ended, and then does what
// the spec of the child says. stack is the stack of the incarnation.
func (s *core) markStuck(inc *incarnation, stack string) {
	s.mu.Lock()
	c := inc.child
	if inc.overLocked() || c.state == StateStuck {
		s.mu.Unlock()
		return
	}
	// What failed before, such as the watchdog, is why the incarnation was asked to stop,
	// so the error wraps it.
	failure := &StuckError{Children: []StuckChild{{c.path(), inc.n, stack}}, Err: inc.failure()}
	exit := Exit{ExitAbnormal, failure}
	c.live.Store(nil)
	inc.setStack(stack)
	c.moveLocked(StateStuck, s.now(), eventDraft{kind: ChildStuck, exit: exit})
	if c.policy.stuck != StuckWait {
		s.abandonLocked(inc, exit)
	}
	// endLocked has no effect if the supervisor is ending already. failLocked then makes
	// the escalation its failure.
	if c.policy.stuck == StuckEscalate {
		s.endLocked(&StopError{Reason: ReasonShutdown}, failure)
		s.failLocked(failure)
	}
	var left *core
	if inc.endState == endAbandoned {
		left = inc.nestedLocked()
	}
	s.mu.Unlock()
	// No two supervisors are locked at once, so counts and the report upwards follow
	// without the lock. The abandoned life may end meanwhile: it sends each count
	// once.
	if left != nil {
		left.sendCounts(s)
	}
	s.reportStuck()
}

// abandonLocked settles the exit of a stuck incarnation while its goroutine has not
// returned. That goroutine belongs to the abandoned set of the tree from now on, and
// no longer to this supervisor.
func (s *core) abandonLocked(inc *incarnation, exit Exit) {
	c := inc.child
	inc.endState = endAbandoned
	s.abandoned.add(inc)
	if c.policy.stuck == StuckEscalate {
		inc.intent = max(inc.intent, intentStop)
	}
	next, rounds := s.settleExitLocked(c, inc, exit, s.now())
	if next != nil {
		s.spawnLocked(next)
	}
	if rounds {
		s.spawnRoundsLocked()
	}
	s.endGoroutineLocked() // for the goroutine of inc, which does not call it once it finds inc abandoned
}

// reportStuck makes a supervisor that waits only for stuck children a stuck child of
// the supervisor above, so that the stop above goes on.
func (s *core) reportStuck() {
	s.mu.Lock()
	held, failure := s.life.childrenStopped && s.list.stuck > 0 && s.life.phase == ending, s.life.failure
	s.mu.Unlock()
	// The stuck child may return before the supervisor above knows: then this
	// supervisor was stuck for a moment, and ends.
	if held && s.host != nil {
		if failure != nil {
			// Its Run cannot return the failure yet, so the host gets it this way.
			s.host.setFailure(failure)
		}
		s.parent.markStuck(s.host, "a supervisor that waits for stuck children")
	}
}

// unstopped lists what has not ended in a tree.
type unstopped struct {
	stuck    []*incarnation // asked to stop, and the shutdown timeout is over
	stopping []*incarnation // asked to stop
	notAsked int            // the number of children that were not asked yet
}

// addAll adds the children of a supervisor.
func (u *unstopped) addAll(s *core) {
	var current []*incarnation
	s.mu.Lock()
	for c := s.list.first; c != nil; c = c.next {
		if c.cur != nil && c.cur.start != startPending {
			current = append(current, c.cur)
		}
	}
	s.mu.Unlock()
	// add locks the supervisors of the incarnations: this one again, then those
	// below. What ends meanwhile is left out.
	for _, inc := range current {
		u.add(inc)
	}
}

// add adds an incarnation. If it is a supervisor, and something below it was asked to
// stop, it adds that instead, since the supervisor waits for it. A supervisor that was
// not asked counts as its children.
func (u *unstopped) add(inc *incarnation) {
	s := inc.child.sup
	s.mu.Lock()
	exited, asked := inc.endState == endExited, inc.stopBy != 0
	stuck := inc.endState == endAbandoned || inc.child.cur == inc && inc.child.state == StateStuck
	nested := inc.nestedLocked()
	s.mu.Unlock()
	if exited {
		return
	}
	// nested is looked at without the lock of s: no two supervisors are locked at once.
	askedBefore, notAskedBefore := u.asked(), u.notAsked
	if nested != nil {
		u.addAll(nested)
	}
	switch {
	case u.asked() > askedBefore:
	case stuck:
		u.stuck = append(u.stuck, inc)
	case asked:
		u.stopping = append(u.stopping, inc)
	case u.notAsked == notAskedBefore:
		u.notAsked++
	}
}

// asked returns the number of incarnations that were asked to stop.
func (u *unstopped) asked() int { return len(u.stuck) + len(u.stopping) }

// err returns the error that lists what was asked to stop, stuck children first, or
// nil if nothing is left (X10).
func (u *unstopped) err(s *core, cause error) error {
	if u.asked()+u.notAsked == 0 {
		return nil
	}
	err := &StuckError{NotAsked: u.notAsked, Err: cause}
	if u.asked() == 0 {
		return err
	}
	dump := s.abandoned.dump()
	for _, inc := range append(u.stuck, u.stopping...) {
		err.Children = append(err.Children, StuckChild{inc.child.path(), inc.n, dump.of(inc)})
	}
	return err
}

// awaitFirstRequest waits until a supervisor that ends has asked a child to stop, so
// that the error of a Shutdown lists at least that child. The wait is short: the
// goroutine that drives the supervisor asks at once. Without such a goroutine it does
// not wait.
func (s *core) awaitFirstRequest() {
	s.mu.Lock()
	if !s.life.driven || s.life.asked || s.life.childrenStopped {
		s.mu.Unlock()
		return
	}
	if s.life.asking == nil {
		s.life.asking = make(chan struct{})
	}
	asking := s.life.asking
	s.mu.Unlock()
	<-asking
}

// remainingError returns an error that lists everything below s that has not ended,
// or nil if nothing is left.
func (s *core) remainingError(cause error) error {
	left := new(unstopped)
	left.addAll(s)
	abandoned, _ := s.abandoned.below(s)
	for _, inc := range abandoned {
		left.add(inc)
	}
	err := left.err(s, cause)
	// All children have stopped, but the end is announced only after the last event has
	// been delivered.
	if err == nil && cause != nil && !isClosed(s.signal.done) {
		return &StuckError{Err: fmt.Errorf("observer still running: %w", cause)}
	}
	return err
}

// stuckBelow returns the error of an operator's call on a child that has not stopped
// in time. It lists the child or, if the child is a supervisor, what it waits for.
func (inc *incarnation) stuckBelow(cause error) error {
	left := new(unstopped)
	left.add(inc)
	if err := left.err(inc.child.sup, cause); err != nil {
		return err
	}
	return cause // all has stopped since
}
