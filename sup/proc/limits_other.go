//go:build !linux

package proc

import (
	"errors"
	"fmt"
	"os/exec"
)

func startLimited(cmd *exec.Cmd, c Command) error {
	for r := range c.Limits.Rlimits {
		return unsupported(r.String())
	}
	return cmd.Start()
}

// cgroup is what only Linux has.
type cgroup struct{}

func newCgroup(l Limits) (*cgroup, error) {
	switch {
	case l.Memory != 0:
		return nil, unsupported("Memory")
	case l.CPU != 0:
		return nil, unsupported("CPU")
	case l.Cgroup != "":
		return nil, unsupported("Cgroup")
	}
	return nil, nil
}

func (*cgroup) kill() bool    { return false }
func (*cgroup) end() []int    { return nil }
func (*cgroup) remove() error { return nil }
func (*cgroup) oom() bool     { return false }
func (*cgroup) peak() int64   { return 0 }

func unsupported(limit string) error {
	return &LimitError{limit, fmt.Errorf("this system has none: %w", errors.ErrUnsupported)}
}
