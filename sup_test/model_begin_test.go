package sup_test

import (
	"slices"

	"github.com/espalier-go/espalier/sup"
)

// These functions are the model's way to ready (W2, S1, S4).

// begin begins an incarnation (W2).
func (m *model) begin(c *node) {
	c.inc++
	c.state = sup.StateStarting
	c.lack = false
	c.asked, c.lived, c.again, c.ends, c.limit = byNobody, never, never, never, never
	if c.b.Kind != aWorker {
		c.kids, c.counts, c.queue, c.waiting = declaredKids(c), nil, nil, nil
		c.task = &task{kind: starting, phase: startingPhase, members: slices.Clone(c.kids)}
		m.advance(c)
		return
	}
	m.attempts[c.path]++
	how, n := c.b.Faults, m.attempts[c.path]
	switch {
	case how.Ignore.Has(n) && !how.Hold.Has(n):
		m.emit("ignore", c)
		m.ignored(c)
		return
	case how.FailAt(n) == "start" && !how.Ignore.Has(n):
		m.emit("init_fail", c)
		m.startFailed(c, sup.ExitAbnormal)
		return
	}
	if how.Slow > 0 || how.HangAt(n) || how.Hold.Has(n) {
		m.emit("init", c)
		if !how.HangAt(n) && !how.Hold.Has(n) {
			c.ends = m.now + how.Slow
		}
		if c.b.StartTimeout > 0 {
			c.limit = m.now + c.b.StartTimeout
		}
		return
	}
	m.initialized(c)
}

// ignored handles a start function that returned ErrIgnore (S4).
func (m *model) ignored(c *node) {
	m.rest(c)
	m.reply(c.starter, "ok")
	c.starter, c.fresh = 0, false
	m.advance(c.up)
}

// initialized handles the end of Initialize.
func (m *model) initialized(c *node) {
	c.ends, c.limit = never, never
	if c.b.Faults.Ignore.Has(m.attempts[c.path]) {
		m.emit("ignore", c)
		m.ignored(c)
		return
	}
	if fails := c.b.Faults.FailAt(m.attempts[c.path]); fails != "" {
		m.emit("init_fail", c)
		c.lack = fails == "exhausted"
		m.startFailed(c, sup.ExitAbnormal)
		return
	}
	m.emit("start", c)
	m.ready(c)
}

func (m *model) ready(c *node) {
	c.state, c.lived, c.restarting = sup.StateRunning, m.now, false
	c.missed = 0
	if c.up == nil {
		m.reply(m.rootCall, "ok")
		m.rootCall = 0
		return
	}
	if c.starter != 0 {
		if t := c.up.task; t != nil && t.kind == round && t.phase == stoppingPhase && slices.Index(c.up.kids, c) < len(c.up.kids)-1 {
			m.unsaid("whether a round takes a child that was being added when it began")
		}
		m.reply(c.starter, "ok")
		c.starter, c.fresh, c.held = 0, false, false
	}
	m.advance(c.up)
}
