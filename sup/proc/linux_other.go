//go:build !linux

package proc

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// This file stands in for what proc has on Linux only.

// setMark does nothing: other systems do not show the environment of a process.
func (p *Process) setMark() {}

func (p *Process) leftRunning() []int { return nil }

// ReapOrphans waits for the end of ctx, and returns its cause. Only Linux needs
// more.
func ReapOrphans(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

func beginStart() {}

func endStart(*os.Process) {}

// plainStarter starts all processes.
var plainStarter starter

func onMainThread() bool { return false }

func (c Command) startOnThread(ctx context.Context, start func() error) error {
	if c.Umask != nil {
		return fieldError("Umask", fmt.Errorf("no umask for a single thread on this system: %w", errors.ErrUnsupported))
	}
	if c.Nice != 0 {
		return fieldError("Nice", fmt.Errorf("no nice value for a single thread on this system: %w", errors.ErrUnsupported))
	}
	return plainStarter.call(ctx, start)
}

func startLimited(cmd *exec.Cmd, c Command) error {
	for r := range c.Limits.Rlimits {
		return unsupported(r.String())
	}
	return cmd.Start()
}

// cgroup is always nil.
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

func (*cgroup) kill() bool     { return false }
func (*cgroup) killAll() []int { return nil }
func (*cgroup) remove() error  { return nil }
func (*cgroup) oom() bool      { return false }
func (*cgroup) peak() int64    { return 0 }

func unsupported(limit string) error {
	return &LimitError{limit, fmt.Errorf("not available on this system: %w", errors.ErrUnsupported)}
}

// notifySocket is always nil. Only on Linux does a datagram carry the id of its
// sender.
type notifySocket struct{}

func listenNotify(func(string)) (*notifySocket, error) { return nil, nil }

func (*notifySocket) environ(env []string) []string { return env }
func (*notifySocket) serve(*Process)                {}
func (*notifySocket) finish()                       {}
func (*notifySocket) remove()                       {}
