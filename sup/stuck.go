package sup

import (
	"fmt"
)

// Children that do not stop in time (X6).

// overdue gives up on those of some incarnations whose time for stopping is
// over. Their stacks are taken first, in one dump for all.
func (s *core) overdue(incs ...*incarnation) {
	var late []*incarnation
	now := s.now()
	s.mu.Lock()
	for _, inc := range incs {
		if !inc.over && inc.child.state != StateStuck && inc.stopBy != 0 && inc.stopBy <= now {
			late = append(late, inc)
		}
	}
	s.mu.Unlock()
	if len(late) == 0 {
		return
	}
	dump := s.abandoned.dump()
	for _, inc := range late {
		s.markStuck(inc, dump.of(inc))
	}
}

// giveUp makes a child stuck, and does what its spec says.
func (s *core) markStuck(inc *incarnation, stack string) {
	s.mu.Lock()
	c := inc.child
	if inc.over || c.state == StateStuck {
		s.mu.Unlock()
		return
	}
	failure := &StuckError{Children: []StuckChild{{c.path(), inc.n, stack}}, Err: inc.failure()}
	exit := Exit{ExitAbnormal, failure}
	c.live.Store(nil)
	c.stack = &stack
	c.moveLocked(StateStuck, s.now(), eventDraft{kind: ChildStuck, exit: exit})
	if c.policy.stuck != StuckWait {
		s.abandonLocked(inc, exit)
	}
	if c.policy.stuck == StuckEscalate {
		s.endLocked(&StopError{Reason: ReasonShutdown}, failure)
		s.failLocked(failure)
	}
	var left *core
	if inc.abandoned {
		left = inc.nestedLocked()
	}
	s.mu.Unlock()
	if left != nil {
		left.handOver(s)
	}
	s.reportStuck()
}

// abandonLocked goes on without an incarnation, whose goroutine is left to the
// orphanage.
func (s *core) abandonLocked(inc *incarnation, exit Exit) {
	c := inc.child
	inc.abandoned = true
	s.abandoned.add(inc)
	if c.policy.stuck == StuckEscalate {
		inc.intent = intentStop
	}
	next, lead := s.settleExitLocked(c, inc, exit, s.now())
	if next != nil {
		s.liveLocked(next)
	}
	if lead {
		s.goroutines.running++
		go s.runRounds()
	}
	s.endGoroutineLocked()
}

// tellHost makes a supervisor that waits for nothing but stuck children a
// stuck child itself, so that the stop of those above goes on.
func (s *core) reportStuck() {
	s.mu.Lock()
	held, failure := s.life.childrenStopped && s.list.stuck > 0 && s.life.phase == ending, s.life.failure
	s.mu.Unlock()
	if held && s.host != nil {
		if failure != nil {
			s.host.note(failure)
		}
		s.parent.markStuck(s.host, "a supervisor that waits for stuck children")
	}
}

// unstopped is what of a tree has not ended.
type unstopped struct {
	stuck    []*incarnation // that have been asked, and whose time is over
	stopping []*incarnation // that have been asked
	notAsked int
}

// addAll adds the children of a supervisor.
func (u *unstopped) addAll(s *core) {
	var current []*incarnation
	s.mu.Lock()
	for c := s.list.first; c != nil; c = c.next {
		if c.cur != nil && c.cur.begun {
			current = append(current, c.cur)
		}
	}
	s.mu.Unlock()
	for _, inc := range current {
		u.add(inc)
	}
}

// add adds an incarnation; or, of a supervisor, what below it has been asked, if
// there is any: that is what holds it up. One that has not been asked is counted by
// its children.
func (u *unstopped) add(inc *incarnation) {
	s := inc.child.sup
	s.mu.Lock()
	over, asked, stuck := inc.over && !inc.abandoned, inc.stopBy != 0, inc.abandoned || inc.child.cur == inc && inc.child.state == StateStuck
	nested := inc.nestedLocked()
	s.mu.Unlock()
	if over {
		return
	}
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

func (u *unstopped) asked() int { return len(u.stuck) + len(u.stopping) }

// err is the error that names those that have been asked, and those first whose
// time is over; nil if nothing is left (X10).
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

// awaitAsked waits until a supervisor that ends has asked the first child to stop,
// so that its error names one. It does so at once if a Run drives it.
func (s *core) awaitAsked() {
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

// stillThere describes everything below s that has not ended.
func (s *core) stillThere(cause error) error {
	left := new(unstopped)
	left.addAll(s)
	orphans, _ := s.abandoned.below(s)
	for _, inc := range orphans {
		left.add(inc)
	}
	err := left.err(s, cause)
	if err == nil && cause != nil && !isClosed(s.signal.done) {
		return &StuckError{Err: fmt.Errorf("observer still running: %w", cause)}
	}
	return err
}

// stuckBelow is the error of an operator's call on a child that has not stopped in
// time: it names the child or, of a supervisor, what holds that up.
func (inc *incarnation) stuckBelow(cause error) error {
	left := new(unstopped)
	left.add(inc)
	if err := left.err(inc.child.sup, cause); err != nil {
		return err
	}
	return cause // it has stopped meanwhile
}
