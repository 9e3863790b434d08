package sup_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/espalier-go/espalier/sup"
)

// settling is the time that passes after each command. It exceeds the shutdown timeouts
// of the children that are given up.
const settling = 200 * time.Millisecond

// replay runs the commands of an Erlang trace on the engine and returns the
// differences. It ends where the contract departs from OTP.
func (sc *otpCase) replay(t *testing.T) (departed delta, diff string) {
	defer func() {
		if p := recover(); p != nil {
			diff = fmt.Sprintf("%v", p)
		}
	}()
	sets := sc.sets()
	synctest.Test(t, func(t *testing.T) {
		g, m := newStage(sc.root), newModel(sc.root)
		for i, cmd := range sc.commands {
			if departed != "" || diff != "" {
				break
			}
			m.departed = ""
			otp, ours := sc.steps[i], g.step(cmd)
			if m.performAll(cmd); m.silent != "" {
				diff = "the contract leaves open " + m.silent
				break
			}
			if m.held() != nil { // OTP answers no call then
				ours.children = otp.children
			}
			if d := m.departure(); d != nil {
				departed, otp = d.delta, d.adjust(otp, ours)
			}
			if cmd.verb == "both" { // the order among children that restart side by side is open (R6)
				otp, ours = otp.byPath(), ours.byPath()
			}
			if found := cmp.Diff(otp.draw(sets), ours.draw(sets)) + g.complaints(); found != "" {
				diff = fmt.Sprintf("step %d, %s (-OTP +ours):\n%s", i+1, cmd, found)
			}
		}
		g.finish()
		if diff == "" {
			diff = g.complaints()
		}
	})
	return departed, diff
}

// performAll performs a command and lets the tree settle.
func (m *model) performAll(cmd command) {
	if m.perform(cmd); m.silent == "" {
		m.perform(command{verb: "pass", time: settling})
	}
}

// held returns the worker whose start or stop waits for a let, or nil.
func (m *model) held() (held *node) {
	m.root.all(func(n *node) {
		how := n.b.Faults
		if n.state == sup.StateStopping && how.IgnoresStop ||
			n.state == sup.StateStarting && n.b.Kind == aWorker && how.Hold.Has(m.attempts[n.path]) {
			held = n
		}
	})
	return held
}

// step performs a command and returns its outcome as OTP shows it.
func (g *stage) step(cmd command) (s step) {
	before := g.howEnded()
	r := g.perform(cmd)
	after := g.perform(command{verb: "pass", time: settling})
	for _, e := range slices.Concat(r.events, after.events) {
		s.trace = append(s.trace, event{what: e.what, path: e.path})
	}
	failed := false
	for _, a := range slices.Concat(r.answers, after.answers) {
		s.answer = g.otpAnswer(a)
		failed = failed || errors.Is(a.err, sup.ErrStart) || errors.Is(a.err, sup.ErrSpec)
	}
	if after.ended != "" && before == "" && g.stopCall == 0 && !failed {
		s.trace = append(s.trace, event{what: "supervisor_exit", path: "shutdown"})
	}
	if after.ended == "" {
		s.children = children("", g.top.Snapshot())
	}
	return s
}

// byPath sorts the trace by child, and keeps the order of each child's events.
func (s step) byPath() step {
	s.trace = slices.Clone(s.trace)
	slices.SortStableFunc(s.trace, func(a, b event) int { return strings.Compare(a.path, b.path) })
	return s
}

// otpAnswer returns what OTP answers.
func (g *stage) otpAnswer(a answer) string {
	start, failed := errors.AsType[*sup.StartError](a.err)
	switch {
	case a.call == g.stopCall: // in OTP, stop is not a call
		return ""
	case a.is == "stuck": // X6: OTP kills it
		return "ok"
	case failed && a.call == 1:
		return "failed_to_start_child " + strings.TrimPrefix(innermost(start).Path, "root/")
	}
	return a.is
}

func innermost(e *sup.StartError) *sup.StartError {
	for {
		below, ok := e.Err.(*sup.StartError)
		if !ok {
			return e
		}
		e = below
	}
}

// children lists the children like OTP's which_children. Members of a set have no names
// there, so only those that are up are listed, sorted.
func children(path string, s sup.SupervisorInfo) (lines []string) {
	for _, c := range s.Children {
		at := scenario.Join(path, c.ID)
		lines = append(lines, at+" "+otpState(c.State))
		if c.Supervisor != nil && c.State == sup.StateRunning {
			below := children(at, *c.Supervisor)
			if c.Supervisor.Set != sup.SetNone {
				below = slices.DeleteFunc(below, func(line string) bool { return strings.HasSuffix(line, " down") })
				slices.Sort(below)
			}
			lines = append(lines, below...)
		}
	}
	return lines
}

func otpState(s sup.State) string {
	switch s {
	case sup.StateRunning:
		return "up"
	case sup.StateStopped:
		return "down"
	}
	return s.String()
}

// draw formats a step as lines. Members of a set that stop concurrently have a fixed
// order.
func (s step) draw(sets map[string]bool) []string {
	lines := []string{"= " + s.answer}
	for _, e := range ordered(sets, s.trace) {
		lines = append(lines, e.what+" "+e.path)
	}
	return append(lines, s.children...)
}
