//go:build !linux

package proc

// mark does nothing: only Linux shows the environment of a process.
func (p *Process) mark() {}

func (p *Process) leftOf() []int { return nil }
