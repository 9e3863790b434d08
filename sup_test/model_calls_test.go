package sup_test

import (
	"slices"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/espalier-go/espalier/sup"
)

// perform predicts the result of a command.
func (m *model) perform(cmd command) result {
	m.result = result{ended: m.result.ended}
	switch cmd.verb {
	case "start":
		m.calls++
		m.rootCall = m.calls
		m.begin(m.root)
	case "stop":
		m.calls++
		m.shutdown(m.calls)
	case "pass":
		m.pass(m.now + cmd.time)
	case "die":
		m.die(m.find(cmd.path), cmd.arg)
	case "both":
		m.both(m.find(cmd.path), m.find(scenario.Join(scenario.Parent(cmd.path), cmd.arg)))
	case "let":
		m.let(m.find(cmd.path))
	case "release":
		m.release()
	case "add":
		m.calls++
		m.add(m.find(cmd.path), cmd.spec, m.calls)
	default:
		m.calls++
		m.call(cmd, m.calls)
	}
	m.snapshot = m.snapshotNow()
	return m.result
}

func (m *model) shutdown(call int) {
	switch c := m.root; c.state {
	case sup.StateStopped, sup.StateIdle:
		m.stopCalls = append(m.stopCalls, call)
		m.settleShutdown()
	case sup.StateStarting:
		m.stopCalls = append(m.stopCalls, call)
		if c.task == nil || c.task.kind != ending {
			m.cancelStart(c)
		}
	default:
		m.stopCalls = append(m.stopCalls, call)
		if c.task == nil || c.task.kind != ending {
			m.end(c, sup.ExitNormal)
		}
	}
}

// exitKinds are the ways in which a worker can end on command (W3, W4).
var exitKinds = map[string]sup.ExitKind{
	"normal":   sup.ExitNormal,
	"shutdown": sup.ExitShutdown,
	"boom":     sup.ExitAbnormal,
	"panic":    sup.ExitAbnormal,
	"goexit":   sup.ExitAbnormal,
	"canceled": sup.ExitAbnormal,
}

func (m *model) die(c *node, how string) {
	m.emit("die "+how, c)
	m.ended(c, exitKinds[how])
}

// both ends two siblings at once. The supervisor learns of them in the given order.
func (m *model) both(first, second *node) {
	m.emit("die boom", first)
	m.emit("die boom", second)
	second.dying = true
	m.ended(first, sup.ExitAbnormal)
	if second.dying {
		second.dying = false
		m.ended(second, sup.ExitAbnormal)
	}
}

// let releases one worker that is held in its Initialize or ignores its stop.
func (m *model) let(c *node) {
	if c.state == sup.StateStarting {
		m.initialized(c)
		return
	}
	m.stopped(c)
}

// release lets all workers return that ignore their stop.
func (m *model) release() {
	var held []*node
	m.all(func(c *node) {
		if c.b.Kind == aWorker && c.b.Faults.IgnoresStop && (c.state == sup.StateStopping || c.state == sup.StateStuck) {
			held = append(held, c)
		}
	})
	if len(held) > 1 {
		m.unsaid("which of several deaf workers is gone first")
		return
	}
	for _, c := range held {
		if slices.Contains(m.ghosts, c) {
			m.exorcise(c)
		} else {
			m.stopped(c)
		}
	}
}

// add models StartChild, also of a keyed set (O1, O5).
func (m *model) add(s *node, b *branch, call int) {
	m.askCancelled(s)
	if s == nil || !s.serving() {
		m.reply(call, "not_running")
		return
	}
	for _, k := range s.kids {
		if k.b.ID == b.ID {
			if k.state == sup.StateQuarantined {
				m.unsaid("StartChild of a quarantined id")
			}
			m.reply(call, taken(k))
			return
		}
	}
	if s.b.Kind == aKeyed && s.b.Size > 0 && len(s.kids) == s.b.Size {
		m.reply(call, "max_children")
		return
	}
	c := newNode(b, s)
	c.starter, c.fresh = call, true
	s.kids = append(s.kids, c)
	m.begin(c)
}

// taken returns the answer of StartChild if c has the id already (O1).
func taken(c *node) string {
	switch {
	case c.state == sup.StateStopped:
		return "already_declared"
	case c.state == sup.StateRestarting, c.beingRestarted():
		return "restarting"
	}
	return "already_running"
}

// askCancelled marks a call to a supervisor whose start has been cancelled as
// unspecified.
func (m *model) askCancelled(s *node) {
	if s != nil && s.task != nil && s.task.cancelled {
		m.unsaid("whether a supervisor whose start is called off serves calls until that has stopped")
	}
}

func (m *model) call(cmd command, call int) {
	up := m.find(scenario.Parent(cmd.path))
	m.askCancelled(up)
	if up == nil || !up.serving() { // O6
		m.reply(call, "not_running")
		return
	}
	i := slices.IndexFunc(up.kids, func(k *node) bool { return k.path == cmd.path })
	if i < 0 {
		m.reply(call, "not_found")
		return
	}
	c := up.kids[i]
	switch cmd.verb {
	case "terminate":
		m.terminate(c, call, false)
	case "remove":
		m.terminate(c, call, true)
	case "restart":
		m.restart(c, call)
	case "replace":
		m.replace(c, call)
	case "delete":
		m.delete(c, call)
	}
}

// terminate models TerminateChild, and RemoveChild of a keyed set (O2, F3).
func (m *model) terminate(c *node, call int, remove bool) {
	if c.fresh {
		m.unsaid("Terminate of a child that StartChild is starting")
		return
	}
	c.removing = c.removing || remove
	c.held = true
	switch c.state {
	case sup.StateStopped, sup.StateQuarantined, sup.StateIdle:
	case sup.StateRestarting:
		c.again = never
		c.queued = false
		c.state = sup.StateStopped
		defer m.advance(c.up) // the others of its round need not wait
	case sup.StateStuck:
		m.unsaid("Terminate of a stuck child")
		return
	case sup.StateStopping:
		c.stoppers = append(c.stoppers, call)
		return
	default:
		c.stoppers = append(c.stoppers, call)
		m.stop(c, byOperator)
		return
	}
	if c.removing {
		m.drop(c)
	} else {
		m.rest(c)
	}
	m.reply(call, "ok")
}

// restart models RestartChild (O3).
func (m *model) restart(c *node, call int) {
	switch c.state {
	case sup.StateRestarting:
		m.reply(call, "restarting")
	case sup.StateStopped, sup.StateQuarantined:
		t, w := c.up.task, c.up.waiting
		if t != nil && t.kind == round && (t.lead == c || t.phase == stoppingPhase) || w != nil && w.lead == c {
			m.unsaid("whether a round takes what an operator restarts before it has come to it")
			return
		}
		c.spent, c.row, c.missed = nil, 0, 0
		c.held = c.held || c.state == sup.StateQuarantined // T4: stays stopped if it fails
		c.starter, c.replacing, c.restarting = call, false, false
		m.begin(c)
	default:
		m.reply(call, pick(c.beingRestarted(), "restarting", "running"))
	}
}

// replace models Replace (O8).
func (m *model) replace(c *node, call int) {
	switch {
	case c.state == sup.StateStopped || c.state == sup.StateQuarantined:
		m.restart(c, call)
	case c.asked == byOperator || c.held && c.asked != byNobody: // was terminated, and has not stopped yet
		m.reply(call, "running")
	case c.starter != 0 || c.state == sup.StateIdle || c.state == sup.StateStarting && !c.up.alone():
		m.reply(call, "restarting")
	case c.b.Restart == sup.Temporary:
		m.reply(call, "running")
	case c.asked != byNobody || c.up.taking(c) || c.queued: // by a round or another call
		m.reply(call, "restarting")
	case c.state == sup.StateRestarting && (c.again == never || !c.up.alone()):
		m.reply(call, "restarting")
	case c.state == sup.StateRestarting: // it waits for its backoff (B1)
		m.replaced(c, call)
	case c.state == sup.StateStuck: // it is replaced when it has stopped
		c.asked, c.replacer = byReplace, nobody
		m.reply(call, "stuck")
	default:
		c.replacer = call
		m.stop(c, byReplace)
	}
}

// replaced begins the incarnation that takes the place of one that has stopped.
func (m *model) replaced(c *node, call int) {
	c.spent, c.row, c.missed = nil, 0, 0
	c.held = true // until it is ready: if the start fails, it stays stopped
	c.starter, c.replacer, c.replacing, c.restarting = call, 0, true, false
	m.begin(c)
}

// taking reports whether a round of s is stopping its members, and c is one of them.
func (s *node) taking(c *node) bool {
	t := s.task
	return t != nil && t.kind == round && t.phase == stoppingPhase && t.takes(s, c)
}

// delete models DeleteChild (O4).
func (m *model) delete(c *node, call int) {
	switch c.state {
	case sup.StateRestarting:
		m.reply(call, "restarting")
	case sup.StateStopped, sup.StateQuarantined:
		m.drop(c)
		m.reply(call, "ok")
	default:
		m.reply(call, pick(c.beingRestarted(), "restarting", "running"))
	}
}

// beingRestarted reports whether c is coming back without an operator's request.
func (c *node) beingRestarted() bool {
	return c.state == sup.StateStarting && c.restarting ||
		c.asked == byRound && !c.held && c.b.Restart != sup.Temporary
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}
