//go:build unix && !linux

package proc

import (
	"os"
	"os/exec"
	"syscall"
	"time"
)

// setAttributes gives the process a group of its own.
func setAttributes(cmd *exec.Cmd, _ *cgroup) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// reap waits until the process has ended, and kills what is left of its group.
func (p *Process) reap() (*os.ProcessState, []int) {
	state, _ := p.cmd.Process.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reaped = true
	_ = syscall.Kill(-p.Pid(), syscall.SIGKILL)
	return state, nil
}

// hasEnded reports whether a process has ended. There is no way to ask here that
// does not reap it, so its end gets some time to be noticed.
func hasEnded(p *Process) bool {
	select {
	case <-p.life.Done():
		return true
	case <-time.After(time.Second):
		return false
	}
}
