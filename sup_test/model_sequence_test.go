package sup_test

import (
	"slices"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// stop asks an incarnation to stop, and cancels a pending one.
func (m *model) stop(c *node, who asked) {
	switch c.state {
	case sup.StateRestarting:
		c.again, c.queued = never, false
		c.state = sup.StateStopped
		if who == byRound {
			c.state = sup.StateRestarting
		}
		return
	case sup.StateStarting, sup.StateRunning:
	default:
		return
	}
	c.asked = who
	if c.dying {
		c.dying = false
		m.ended(c, sup.ExitAbnormal)
		return
	}
	wasReady := c.state == sup.StateRunning
	c.state = sup.StateStopping
	if p := patience(c.b); p != sup.Infinity {
		c.limit = m.now + p
	}
	if c.b.Kind != aWorker {
		switch {
		case c.task == nil || c.task.kind == round:
			m.end(c, sup.ExitNormal)
		case c.task.kind == starting:
			m.cancelStart(c)
		}
		return
	}
	if !wasReady {
		m.emit("init_cancel", c)
		m.ended(c, sup.ExitShutdown)
		return
	}
	switch {
	case c.b.Shutdown == sup.Brutal:
		m.ended(c, sup.ExitShutdown)
		return
	case c.b.Faults.Mute:
		c.ends = never
		return
	}
	m.emit("stop_begin", c)
	switch how := c.b.Faults; {
	case how.IgnoresStop:
		c.ends = never
	case how.Stop > 0:
		c.ends = m.now + how.Stop
	default:
		m.stopped(c)
	}
}

// stopped handles the return of Run after a request to stop.
func (m *model) stopped(c *node) {
	m.emit("stop", c)
	if c.b.Faults.Badly {
		m.ended(c, sup.ExitAbnormal)
		return
	}
	m.ended(c, sup.ExitShutdown)
}

// cancelStart stops a supervisor that is still starting.
func (m *model) cancelStart(s *node) {
	was := s.task
	s.task = &task{kind: ending, members: slices.Clone(s.kids), next: len(s.kids) - 1, exit: sup.ExitShutdown, cancelled: true}
	if s.up == nil {
		s.task.exit = sup.ExitNormal // was asked to stop
	}
	m.cancelStarts(s, was)
	m.advance(s)
}

// advance continues a supervisor's task as far as possible now.
func (m *model) advance(s *node) {
	if s.pushing {
		return // the call further up continues
	}
	s.pushing = true
	for m.silent == "" && m.push(s) {
	}
	s.pushing = false
}

func (m *model) push(s *node) bool {
	t := s.task
	switch {
	case t == nil && s.waiting != nil && s.waiting.released(m.now):
		s.task, s.waiting = s.waiting, nil
		return true
	case t == nil: // a waiting round holds up nothing (B2)
		return m.unqueue(s)
	case t.kind == starting && s.b.IsSet():
		return m.pushSetStart(s, t)
	case t.phase == startingPhase:
		return m.pushStart(s, t)
	case s.b.IsSet():
		return m.pushSetStop(s, t)
	}
	return m.pushStop(s, t)
}

// pushStart starts the members in order, each when the one before it is ready (S1).
func (m *model) pushStart(s *node, t *task) bool {
	if t.next == len(t.members) {
		s.task = nil
		if s.up != nil && t.kind == starting && (t.endAfter || len(s.queue) > 0) {
			m.unsaid("whether what a nested supervisor has to do comes before the next child's start")
		}
		switch {
		case t.endAfter:
			m.ready(s)
			m.end(s, sup.ExitNormal)
		case t.kind == starting:
			m.ready(s)
		}
		return true
	}
	switch c := t.members[t.next]; {
	case t.kind == round && c.starter != 0: // comes after the round
		t.next++
	case t.kind == starting && c.starter != 0:
		m.unsaid("whether Start waits for what an operator restarts meanwhile")
	case c.state == sup.StateStopping && (t.kind == starting || c.restarting): // cancelled
		return false
	case c.dropped || c.held || c.queued || c.state == sup.StateRunning || c.state == sup.StateQuarantined:
		t.next++
	case t.kind == round && c.state == sup.StateStuck && c.b.Restart == sup.Temporary: // nothing replaces it
		t.next++
	case c.state == sup.StateStarting || c.state == sup.StateStuck: // X6
		return false
	case c.asked != byNobody:
		return false
	case t.kind == starting && c.state != sup.StateIdle: // its turn has come early
		t.next++
	case t.kind == round && c.state != sup.StateRestarting: // ErrIgnore kept it from starting (S4)
		t.next++
	case t.kind == round:
		m.again(c)
	default:
		m.begin(c)
	}
	return true
}

// pushSetStart starts the members side by side (S7).
func (m *model) pushSetStart(s *node, t *task) bool {
	for t.next < len(t.members) {
		c := t.members[t.next]
		if t.next++; c.state != sup.StateIdle {
			continue
		}
		if m.begin(c); s.task != t {
			if len(t.members) > 1 {
				m.unsaid("which members of a set have begun when another fails at once")
			}
			return true
		}
	}
	for _, c := range t.members {
		if c.state == sup.StateStarting {
			return false
		}
	}
	s.task = nil
	if s.up != nil && len(s.queue) > 0 {
		m.unsaid("whether what a nested supervisor has to do comes before the next child's start")
	}
	m.ready(s)
	return true
}

// released reports whether a waiting round may start its members. The wait of the child
// that failed is over, or that child is not restarted any more.
func (t *task) released(now time.Duration) bool {
	c := t.lead
	return c.state != sup.StateRestarting || !c.queued && (c.again == never || c.again <= now)
}

// pushStop stops the members in reverse order, one after the other (X1, T2).
func (m *model) pushStop(s *node, t *task) bool {
	if t.next < 0 {
		return m.allAsked(s, t)
	}
	c := t.members[t.next]
	switch {
	case t.kind == round && c.starter != 0: // comes after the round
		t.next--
	case c.down() && (t.kind == round || c.state != sup.StateRestarting) || c.state == sup.StateStuck:
		c.queued = false // its failure is part of this round (I5)
		switch {
		case t.kind == round && c.state == sup.StateStopped && !c.held && !c.dropped:
			c.state = sup.StateRestarting
		case t.kind == round && c.state == sup.StateStuck && (c.asked == byNobody || c.asked == byReplace): // its end is awaited and is no failure (I5)
			c.asked = byRound
		}
		t.next--
	case c.asked == byNobody:
		m.stop(c, t.asks())
	case c.asked == byReplace && t.kind == round: // the round starts it
		c.asked = byRound
		return false
	default:
		return false
	}
	return true
}

// pushSetStop stops the members concurrently (X3).
func (m *model) pushSetStop(s *node, t *task) bool {
	for ; t.next >= 0; t.next-- {
		if c := t.members[t.next]; c.asked == byNobody && !c.atRest() {
			m.stop(c, byShutdown)
		}
	}
	for _, c := range t.members {
		if !c.atRest() && c.state != sup.StateStuck {
			return false
		}
	}
	return m.allAsked(s, t)
}

func (t *task) asks() asked {
	if t.kind == round {
		return byRound
	}
	return byShutdown
}

// allAsked handles the moment when every member has been asked to stop and has stopped
// or had its time.
func (m *model) allAsked(s *node, t *task) bool {
	if t.kind == round { // B3
		t.phase, t.next = startingPhase, 0
		if t.delay > 0 && t.lead.state == sup.StateRestarting {
			t.lead.again = m.now + t.delay
		}
		if w := s.waiting; w == nil || slices.Contains(t.members, w.lead) { // its wait is over, if there was one
			s.waiting, s.task = t, nil
		}
		return true
	}
	for _, c := range t.members {
		if !c.atRest() { // stuck, and so is everything that waits for it
			if t.failed { // given up: see TestAStuckRestartIsAFailedAttempt and the tests beside it
				m.unsaid("a nested supervisor whose failed start waits for a stuck child")
			}
			if s.up == nil { // Start returns all the same
				m.reply(m.rootCall, "failed")
				m.rootCall = 0
			}
			if s.up != nil && s.state != sup.StateStuck {
				m.stuck(s)
			}
			return false
		}
	}
	s.task = nil
	switch {
	case t.failed:
		s.lack = t.lack
		m.startFailed(s, t.exit)
	default:
		m.ended(s, t.exit)
	}
	return true
}

// fire does what is due at c now.
func (m *model) fire(c *node) {
	if slices.Contains(m.ghosts, c) {
		m.exorcise(c)
		return
	}
	switch m.now {
	case c.ends:
		if c.state == sup.StateStarting {
			m.initialized(c)
			return
		}
		m.stopped(c)
	case c.again:
		c.again = never
		if t := c.up.task; t != nil && t.kind == ending {
			return // not restarted any more
		}
		if c.up.alone() {
			m.again(c)
			return
		}
		m.advance(c.up)
	case c.limit:
		c.limit = never
		if c.state == sup.StateStarting { // S5
			c.asked = byTimeout
			m.emit("init_cancel", c)
			m.startFailed(c, sup.ExitAbnormal)
			return
		}
		m.stuck(c)
	}
}

// stuck handles a child that has not stopped in time (X6).
func (m *model) stuck(c *node) {
	c.state = sup.StateStuck
	m.settleStops(c, "stuck")
	m.reply(c.starter, "failed|not_running")
	c.starter = 0
	if c.replacer != 0 {
		switch c.b.Stuck {
		case sup.StuckWait: // it is replaced when it has stopped
			m.reply(c.replacer, "stuck")
			c.replacer = nobody
		case sup.StuckEscalate:
			m.unsaid("what Replace returns if its child escalates")
			return
		}
	}
	switch c.b.Stuck {
	case sup.StuckWait:
		m.advance(c.up)
	case sup.StuckAbandon:
		m.abandon(c)
		m.ended(c, sup.ExitAbnormal)
	case sup.StuckEscalate:
		m.abandon(c)
		if up := c.up; up.task == nil || up.task.kind != ending {
			c.asked = byShutdown
			c.last, c.ends, c.limit = sup.ExitAbnormal, never, never
			if c.removing {
				m.drop(c)
			} else {
				m.rest(c)
			}
			m.end(up, sup.ExitAbnormal)
			return
		}
		if c.up.task.cancelled {
			m.unsaid("how a supervisor exits whose start is called off, and one of whose children escalates then")
		}
		c.up.task.exit = sup.ExitAbnormal
		m.ended(c, sup.ExitAbnormal)
	}
}

// abandon continues without an incarnation, which remains until it ends.
func (m *model) abandon(c *node) {
	ghost := *c
	m.ghosts = append(m.ghosts, &ghost)
}

// exorcise handles the late return of Run of an abandoned incarnation (R4).
func (m *model) exorcise(ghost *node) {
	m.emit("stop", ghost)
	m.ghosts = slices.DeleteFunc(m.ghosts, func(g *node) bool { return g == ghost })
	m.settleShutdown()
}

// all calls visit for every node, abandoned ones included.
func (m *model) all(visit func(*node)) {
	m.root.all(visit)
	for _, g := range m.ghosts {
		visit(g)
	}
}

// next returns when something is due, and where. It returns two places if the contract
// leaves open which comes first.
func (m *model) next() (at time.Duration, due []*node) {
	at = never
	m.all(func(n *node) {
		when := min(n.ends, n.limit, n.again)
		switch {
		case when == never || when > at:
		case when < at:
			at, due = when, []*node{n}
		default:
			due = append(due, n)
		}
	})
	return at, due
}

// pass lets time pass.
func (m *model) pass(until time.Duration) {
	for m.silent == "" {
		at, due := m.next()
		if at > until {
			break
		}
		m.now = at
		for _, c := range due[1:] {
			if c.up != due[0].up || !c.up.b.IsSet() || c.limit != at || due[0].limit != at || c.state != sup.StateStopping || due[0].state != sup.StateStopping {
				m.unsaid("which of two things that are due at once comes first")
				return
			}
		}
		for _, c := range due {
			m.fire(c)
		}
	}
	m.now = max(m.now, until)
}
