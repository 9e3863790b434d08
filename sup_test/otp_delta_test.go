package sup_test

import (
	"slices"
	"strings"

	"github.com/espalier-go/espalier/sup"
)

// A delta is a line of the contract that departs from OTP on purpose and whose effect
// is in a trace. The steps after it are not compared, since OTP's tree is a different
// one then.
type delta string

const (
	// In OTP a round restarts a child that an operator has stopped.
	deltaT4 delta = "T4"
	// In OTP a transient supervisor that has given up is not restarted.
	deltaN2 delta = "N2"
)

// A departure is a step that departs from OTP.
type departure struct {
	delta delta
	held  []string // children that an operator has stopped
}

// departure returns the departure of the current command, or nil.
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

// adjust returns the step that the contract requires, given what OTP and the engine
// did. For T4 it is OTP's step without the children that stay stopped. For N2 the
// engine's trace begins with OTP's, and the supervisor is up afterwards.
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
