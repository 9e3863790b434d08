package sup

import (
	"fmt"
	"sync"
)

// Children that do not stop in time (X6).

// overdue gives up on those of some incarnations whose time for stopping is
// over. Their stacks are taken first, in one dump for all.
func (s *core) overdue(incs ...*incarnation) {
	var late []*incarnation
	now := s.now()
	s.mu.Lock()
	for _, inc := range incs {
		if !inc.over && inc.child.state != Stuck && inc.stopBy != 0 && inc.stopBy <= now {
			late = append(late, inc)
		}
	}
	s.mu.Unlock()
	if len(late) == 0 {
		return
	}
	dump := s.orphan.dump()
	for _, inc := range late {
		s.giveUp(inc, dump.of(inc))
	}
}

// giveUp makes a child stuck, and does what its spec says.
func (s *core) giveUp(inc *incarnation, stack string) {
	s.mu.Lock()
	c := inc.child
	if inc.over || c.state == Stuck {
		s.mu.Unlock()
		return
	}
	failure := &StuckError{Children: []StuckChild{{c.path(), inc.n, stack}}, Err: inc.failure()}
	exit := Exit{ExitAbnormal, failure}
	c.live.Store(nil)
	c.stack = &stack
	c.moveLocked(Stuck, s.now(), news{kind: ChildStuck, exit: exit})
	if c.policy.stuck != Wait {
		s.abandonLocked(inc, exit)
	}
	if c.policy.stuck == Escalate {
		s.endLocked(&StopError{Reason: ByShutdown}, failure)
		s.failLocked(failure)
	}
	s.mu.Unlock()
	s.tellHost()
}

// abandonLocked goes on without an incarnation, whose goroutine is left to the
// orphanage.
func (s *core) abandonLocked(inc *incarnation, exit Exit) {
	c := inc.child
	inc.abandoned = true
	s.orphan.take(inc)
	if c.policy.stuck == Escalate {
		inc.fate = fateRest
	}
	next, lead := s.settleLocked(c, inc, exit, s.now())
	if next != nil {
		s.liveLocked(next)
	}
	if lead {
		s.busy++
		go s.lead()
	}
	s.endGoroutineLocked()
}

// tellHost makes a supervisor that waits for nothing but stuck children a
// stuck child itself, so that the stop of those above goes on.
func (s *core) tellHost() {
	s.mu.Lock()
	held, failure := s.swept && s.stuck > 0 && s.phase == ending, s.failure
	s.mu.Unlock()
	if held && s.host != nil {
		if failure != nil {
			s.host.note(failure)
		}
		s.parent.giveUp(s.host, "a supervisor that waits for stuck children")
	}
}

// An orphanage keeps what the supervisors of one tree have abandoned, until it
// returns. It outlives nested supervisors.
type orphanage struct {
	mu     sync.Mutex
	left   map[*incarnation]struct{}
	change chan struct{}
	dumps  dumps
}

func (o *orphanage) take(inc *incarnation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.left == nil {
		o.left = make(map[*incarnation]struct{})
	}
	o.left[inc] = struct{}{}
}

// returned is called when the goroutine of an abandoned incarnation ends.
func (o *orphanage) returned(inc *incarnation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.left, inc)
	if o.change != nil {
		close(o.change)
		o.change = nil
	}
}

// below returns what is left of s and the supervisors below it, and a channel
// that is closed when that changes.
func (o *orphanage) below(s *core) (left []*incarnation, changed <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for inc := range o.left {
		for above := inc.child.sup; above != nil; above = above.above {
			if above == s {
				left = append(left, inc)
				break
			}
		}
	}
	if o.change == nil {
		o.change = make(chan struct{})
	}
	return left, o.change
}

func (o *orphanage) dump() stackDump { return o.dumps.take() }

// unstopped appends the incarnations below s that have not ended.
func (s *core) unstopped(list []*incarnation) []*incarnation {
	var own []*incarnation
	s.mu.Lock()
	for c := s.first; c != nil; c = c.next {
		if c.cur != nil && c.cur.begun {
			own = append(own, c.cur)
		}
	}
	s.mu.Unlock()
	for _, inc := range own {
		list = inc.unstopped(list)
	}
	return list
}

// unstopped appends an incarnation that has not ended, or, of a supervisor,
// what of it has not, if there is any.
func (inc *incarnation) unstopped(list []*incarnation) []*incarnation {
	s := inc.child.sup
	s.mu.Lock()
	nested := inc.nestedLocked()
	s.mu.Unlock()
	if nested != nil {
		if longer := nested.unstopped(list); len(longer) > len(list) {
			return longer
		}
	}
	return append(list, inc)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// stillThere describes everything below s that has not ended, with stacks.
func (s *core) stillThere(cause error) error {
	orphans, _ := s.orphan.below(s)
	left := s.unstopped(nil)
	for _, inc := range orphans {
		left = inc.unstopped(left)
	}
	if len(left) == 0 {
		if cause == nil || isClosed(s.done) {
			return nil
		}
		return &StuckError{Err: fmt.Errorf("an observer has not returned: %w", cause)}
	}
	err := &StuckError{Err: cause}
	dump := s.orphan.dump()
	for _, inc := range left {
		err.Children = append(err.Children, StuckChild{inc.child.path(), inc.n, dump.of(inc)})
	}
	return err
}
