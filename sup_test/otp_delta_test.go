package sup_test

import (
	"slices"
	"strings"

	"github.com/espalier-go/espalier/sup"
)

// A delta is a line of the contract that departs from OTP on purpose and that
// shows in a trace. What comes after such a step is not compared: OTP's tree is
// another one then.
type delta string

const (
	// A round revives a child that an operator had stopped, in OTP.
	deltaT4 delta = "T4"
	// A transient supervisor that has given up is not restarted, in OTP.
	deltaN2 delta = "N2"
)

// departure is where a step departs from OTP, and the children that stay as an
// operator left them.
type departure struct {
	delta delta
	held  []string
}

// departure returns what the present command has departed in, or nil.
func (m *model) departure() *departure {
	if m.departed == "" {
		return nil
	}
	d := &departure{delta: m.departed}
	m.root.all(func(n *node) {
		if n.held && n.state == sup.StateStopped {
			d.held = append(d.held, n.path)
		}
	})
	return d
}

// adjust makes of what OTP did what the contract makes of it, given what the
// engine did: for T4 the same without those that stay stopped; for N2 OTP's
// trace is how ours begins, and our supervisor is up. It returns the step to
// compare the engine's with.
func (d *departure) adjust(otp, ours step) step {
	switch d.delta {
	case deltaT4:
		otp.children = slices.Clone(otp.children)
		for i, line := range otp.children {
			if path, up := strings.CutSuffix(line, " up"); up && slices.Contains(d.held, path) {
				otp.children[i] = path + " down"
			}
		}
		otp.trace = slices.DeleteFunc(slices.Clone(otp.trace), func(e event) bool {
			return slices.ContainsFunc(d.held, func(path string) bool {
				return e.path == path || strings.HasPrefix(e.path, path+"/")
			})
		})
	case deltaN2:
		otp.children = ours.children
		if n := len(otp.trace); n <= len(ours.trace) {
			otp.trace = slices.Concat(otp.trace, ours.trace[n:])
		}
	}
	return otp
}
