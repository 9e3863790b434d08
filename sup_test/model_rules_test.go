package sup_test

import (
	"slices"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// startFailed handles an incarnation that ended before it was ready, without a request
// to stop.
func (m *model) startFailed(c *node, kind sup.ExitKind) {
	c.last, c.ends, c.limit = kind, never, never
	up := c.up
	if c.restarting && (c.asked == byNobody || c.asked == byTimeout) {
		c.missed++
	} else {
		c.lack = c.lack && up != nil && up.task != nil && up.task.kind == starting
	}
	if c.asked == byTimeout {
		c.asked = byNobody
	}
	switch {
	case c.asked != byNobody: // had failed already
		m.ended(c, kind)
	case up == nil: // S2
		c.state = sup.StateStopped
		m.reply(m.rootCall, "failed")
		m.rootCall = 0
		m.result.ended = "start failed"
		m.settleShutdown()
	case c.starter != 0: // O1, O3
		if t := up.task; t != nil && t.kind == round && t.phase == stoppingPhase && !c.fresh {
			m.unsaid("whether a round takes a child whose restart by an operator has failed before it has come to it")
		}
		m.reply(c.starter, "failed")
		c.starter = 0
		if c.fresh {
			m.drop(c)
		} else {
			c.state = sup.StateStopped
		}
		m.advance(up)
	case up.task != nil && up.task.kind == starting: // S2
		m.rest(c)
		var others *task
		if up.b.IsSet() { // S7: others may be starting
			others = up.task
		}
		up.task = &task{kind: ending, members: slices.Clone(up.kids), next: len(up.kids) - 1, exit: sup.ExitAbnormal, failed: true, lack: c.lack}
		m.cancelStarts(up, others)
		m.advance(up)
	default:
		m.failure(c, kind)
	}
}

// ended handles the end of an incarnation that had been ready, or had been asked to
// stop.
func (m *model) ended(c *node, kind sup.ExitKind) {
	who := c.asked
	if c.lived != never && m.now-c.lived >= resetAfter(c.b.Backoff) {
		c.row = 0
	}
	failedStart := c.lived == never && kind == sup.ExitAbnormal
	c.last, c.asked, c.ends, c.limit, c.lived = kind, byNobody, never, never, never
	up := c.up
	if failedStart && up != nil && up.up != nil && up.task != nil && up.task.cancelled { // the start of up ends with it
		up.task.exit = kind
	}
	if up == nil {
		c.state = sup.StateStopped
		m.settleShutdown()
		m.reply(m.rootCall, "failed")
		m.rootCall = 0
		m.result.ended = kind.String()
		return
	}
	m.reply(c.starter, "failed|not_running")
	c.starter = 0
	if r := c.replacer; r != 0 {
		c.replacer = 0
		switch {
		case up.task != nil && up.task.kind == ending:
			m.reply(r, "not_running")
		case c.removing || c.held:
			m.reply(r, "stopped")
		case who == byRound, up.taking(c):
			who = byRound
			m.reply(r, "restarting")
		default:
			m.replaced(c, r)
			m.advance(up)
			return
		}
	}
	switch {
	case c.removing || c.fresh:
		m.drop(c)
	case c.held:
		m.rest(c)
	case up.task != nil && up.task.kind == ending:
		if who == byNobody && up.task.cancelled {
			m.unsaid("an exit while a cancelled start is waited for")
		}
		m.rest(c)
	case who == byNobody:
		if c.b.Kind != aWorker && c.b.Restart == sup.Transient && kind == sup.ExitAbnormal {
			m.departed, m.gaveUp = deltaN2, c
		}
		m.failure(c, kind)
		return
	case who == byRound:
		if c.b.Restart == sup.Temporary { // T4
			m.drop(c)
		} else {
			c.state = sup.StateRestarting
		}
	}
	m.settleStops(c, "ok")
	m.advance(up)
}

// settleShutdown answers Shutdown once nothing is left (X8).
func (m *model) settleShutdown() {
	if m.root.state != sup.StateStopped || len(m.ghosts) > 0 {
		return
	}
	for _, call := range m.stopCalls {
		m.reply(call, "ok")
	}
	m.stopCalls = nil
}

func (m *model) settleStops(c *node, is string) {
	for _, call := range c.stoppers {
		m.reply(call, is)
	}
	c.stoppers = nil
}

func (m *model) rest(c *node) {
	if c.b.Restart == sup.Temporary { // R3, O2
		m.drop(c)
		return
	}
	c.state = sup.StateStopped
}

func (m *model) drop(c *node) {
	c.dropped, c.state = true, sup.StateStopped
	c.up.kids = slices.DeleteFunc(c.up.kids, func(k *node) bool { return k == c })
}

// failure decides what follows from an exit, or a failed attempt to restart, that
// nobody asked for.
func (m *model) failure(c *node, kind sup.ExitKind) {
	up := c.up
	if t := up.task; t != nil {
		switch {
		case t.kind == ending:
			if t.cancelled {
				m.unsaid("an exit while a cancelled start is waited for")
			}
			m.rest(c)
			m.advance(up)
			return
		case t.kind == round && t.phase == stoppingPhase && t.takes(up, c): // I5
			if !slices.Contains(t.members, c) {
				m.unsaid("the end of a child that was added during the round")
				return
			}
			if c.b.Restart == sup.Temporary {
				m.drop(c)
			} else {
				c.state = sup.StateRestarting
			}
			m.advance(up)
			return
		case t.kind == round && t.phase == startingPhase && t.members[t.next] == c && c.state == sup.StateStarting: // F2
			m.failedInRound(up, c)
			return
		}
		if restarts(c.b, kind) { // decided when the task is over, as in OTP, or only waits (B2)
			c.state, c.queued = sup.StateRestarting, true
			up.queue = append(up.queue, c)
			m.advance(up)
			return
		}
	}
	if !restarts(c.b, kind) {
		m.rest(c)
		m.goneForGood(c)
		m.advance(up) // a round may have waited for c (X6)
		return
	}
	m.decide(c)
}

// decide counts a restart and begins it, unless it exceeds the intensity.
func (m *model) decide(c *node) {
	up := c.up
	c.queued = false
	switch m.charge(c) {
	case quarantine:
		m.quarantine(c)
		m.advance(up) // the others of its round continue without it
		return
	case giveUp:
		m.giveUp(up, c)
		return
	}
	c.state = sup.StateRestarting
	delay := c.nextDelay()
	if up.alone() { // T1
		if delay == 0 {
			m.again(c)
			return
		}
		c.again = m.now + delay
		return
	}
	m.beginRound(up, c, delay)
}

func (m *model) quarantine(c *node) {
	c.state = sup.StateQuarantined
	if c.b.Significant {
		m.unsaid("a significant child is quarantined")
	}
}

// unqueue decides the failures that waited for the supervisor's task to end. It reports
// whether there were any.
func (m *model) unqueue(s *node) bool {
	if len(s.queue) > 1 && s.alone() {
		m.unsaid("the order of several restarts that have waited for the start to end")
	}
	for len(s.queue) > 0 {
		c := s.queue[0]
		s.queue = s.queue[1:]
		if c.queued {
			m.decide(c)
			return true
		}
	}
	return false
}

// takes reports whether a failure of c is part of the round.
func (t *task) takes(up, c *node) bool {
	return slices.Contains(t.members, c)
}

func restarts(b *branch, kind sup.ExitKind) bool {
	return b.Restart == sup.Permanent || b.Restart == sup.Transient && kind == sup.ExitAbnormal
}

// again restarts a child whose wait is over.
func (m *model) again(c *node) {
	c.restarts++
	c.restarting = true
	m.begin(c)
}

// beginRound begins the stops and starts that the failure of c causes (T2, T3).
func (m *model) beginRound(up, c *node, delay time.Duration) {
	members := m.inRound(up, c)
	if up.waiting != nil && delay > 0 && !slices.Contains(members, up.waiting.lead) {
		m.unsaid("when two waits end of which one is within the round of the other")
		return
	}
	up.task = &task{kind: round, lead: c, members: members, next: len(members) - 1, delay: delay}
	m.advance(up)
}

// inRound returns the children that take part in the round of c (T2 to T5), in start
// order. A child that an operator is starting has not been added yet. The round waits
// in turn for a child that an operator is stopping.
func (m *model) inRound(up, c *node) []*node {
	members := slices.Clone(up.kids)
	if up.b.Strategy == sup.RestForOne {
		members = members[slices.Index(members, c):]
	}
	if slices.ContainsFunc(members, func(k *node) bool { return k.held && k.state == sup.StateStopped }) {
		m.departed = deltaT4
	}
	return slices.DeleteFunc(members, func(k *node) bool {
		return k != c && (k.starter != 0 || k.held && (k.down() || k.state == sup.StateStuck) || k.state == sup.StateQuarantined)
	})
}

// failedInRound handles a member of a round that did not start. It is queued, and the
// members after it wait (F2).
func (m *model) failedInRound(up, c *node) {
	t := up.task
	up.task = nil
	c.state, c.queued = sup.StateRestarting, true
	up.queue = append(up.queue, c)
	if up.waiting == nil {
		up.waiting = &task{kind: round, phase: startingPhase, lead: c, members: t.members[t.next:]}
	}
	m.advance(up)
}

// giveUp handles a failure of c that exceeds the intensity (I2).
func (m *model) giveUp(up, c *node) {
	c.state = sup.StateStopped
	m.end(up, sup.ExitAbnormal)
}

// goneForGood handles the end of c without a restart (A1).
func (m *model) goneForGood(c *node) {
	up := c.up
	if !c.b.Significant || up.b.AutoShutdown == sup.AutoShutdownNever {
		return
	}
	if up.b.AutoShutdown == sup.AutoShutdownAllSignificant {
		for _, k := range up.kids {
			if k.b.Significant && k.state == sup.StateQuarantined {
				m.unsaid("whether a quarantined child is gone for all_significant")
			}
			if k.b.Significant && (!k.atRest() || k.state == sup.StateIdle) {
				return
			}
		}
	}
	if up.task != nil && up.task.kind == starting {
		up.task.endAfter = true
		return
	}
	m.end(up, sup.ExitNormal)
}

// end makes a supervisor stop its children and exit.
func (m *model) end(s *node, exit sup.ExitKind) {
	was := s.task
	s.waiting = nil
	s.task = &task{kind: ending, members: slices.Clone(s.kids), next: len(s.kids) - 1, exit: exit}
	m.cancelStarts(s, was)
	m.advance(s)
}

// cancelStarts asks everything that is still starting to stop. X1 orders the stops of
// children that are up. A child whose start a caller awaits, and that no sibling relies
// on yet, is asked at once.
func (m *model) cancelStarts(s *node, was *task) {
	t := s.task
	var starts []*node
	for _, k := range slices.Backward(slices.Clone(t.members)) {
		ofTask := was != nil && slices.Contains(was.members, k)
		if was != nil && was.kind == starting && was.next < len(was.members) && k == was.members[was.next] && k.b.Kind != aWorker {
			// The others follow when c has stopped.
			t.members = append(slices.DeleteFunc(t.members, func(o *node) bool { return o == k }), k)
		}
		if k.state != sup.StateStarting || (k.starter == 0 || k.replacing) && !ofTask {
			continue
		}
		if k.b.Kind != aWorker && (k.starter != 0 || was.kind != starting) {
			m.unsaid("the order in which others stop while a nested supervisor's start is cancelled")
			return
		}
		starts = append(starts, k)
	}
	for _, k := range starts {
		m.stop(k, byShutdown)
	}
}
