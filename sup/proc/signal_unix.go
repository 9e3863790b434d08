//go:build unix

package proc

import (
	"os"
	"syscall"
)

// canAsk: a process can be asked to stop.
const canAsk = true

// signalGroup sends a signal to the group of a process, and to the process itself
// where it has left the group. It is called only as long as the process has not
// been reaped: until then its id is no other process's, nor is that of the group
// another group's.
func signalGroup(leader *os.Process, sig syscall.Signal) error {
	inGroup := true
	if group, err := syscall.Getpgid(leader.Pid); err == nil {
		inGroup = group == leader.Pid
	}
	err := syscall.Kill(-leader.Pid, sig)
	switch sig {
	case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCONT:
		// The group counts as reached when one of its members is, which the leader
		// need not be: it may have become another user's, or have left meanwhile.
		// These signals do no harm when they come twice.
		return os.NewSyscallError("kill", leader.Signal(sig))
	}
	// A process that gets SIGTERM twice may take the second one for impatience.
	if !inGroup || err == syscall.ESRCH {
		err = leader.Signal(sig)
	}
	return os.NewSyscallError("kill", err)
}

// resume lets a process that is stopped go on, so that it hears other signals.
func (p *Process) resume() { _ = p.Signal(syscall.SIGCONT) }
