//go:build unix && !linux

package proc

import (
	"os"
	"os/exec"
	"syscall"
)

// canAsk: a process can be asked to stop.
const canAsk = true

// setAttributes gives the process a group of its own.
func setAttributes(cmd *exec.Cmd, _ *cgroup) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

func signalGroup(leader *os.Process, sig syscall.Signal) error {
	return os.NewSyscallError("kill", syscall.Kill(-leader.Pid, sig))
}

// resume lets a process that is stopped go on, so that it hears other signals.
func (p *Process) resume() { _ = p.Signal(syscall.SIGCONT) }

// reap waits until the process has ended, and kills what is left of its group.
func (p *Process) reap() (*os.ProcessState, []int) {
	state, _ := p.cmd.Process.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reaped = true
	_ = syscall.Kill(-p.Pid(), syscall.SIGKILL)
	return state, nil
}
