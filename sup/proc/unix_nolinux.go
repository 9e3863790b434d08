//go:build unix && !linux

package proc

import (
	"os"
	"os/exec"
	"syscall"
	"time"
)

// This file has what Unix systems other than Linux do in their own way.

// setAttributes gives the process a group of its own.
func setAttributes(cmd *exec.Cmd, _ *cgroup) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// reap waits for the end of the process, and kills the rest of its group.
func (p *Process) reap() (*os.ProcessState, []int) {
	state, _ := p.cmd.Process.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reaped = true
	_ = syscall.Kill(-p.Pid(), syscall.SIGKILL)
	return state, nil
}

// hasEnded reports whether a process has ended. These systems cannot tell without
// reaping it, so hasEnded waits a moment for reap.
func hasEnded(p *Process) bool {
	select {
	case <-p.running.Done():
		return true
	case <-time.After(time.Second):
		return false
	}
}

func mayChangeUser() bool   { return os.Geteuid() == 0 }
func mayChangeGroups() bool { return os.Geteuid() == 0 }
