//go:build unix

package proc

import (
	"os"
	"runtime"
	"syscall"
)

// hasSignals is whether the system has a signal that asks a process to stop.
const hasSignals = true

// signalGroup sends a signal to the group of a process, and to the process itself if
// it has changed its group. The caller must ensure that the process has not been
// reaped: until then, no other process has its id, and no other group has the id of
// its group.
func signalGroup(leader *os.Process, sig syscall.Signal) error {
	inGroup := true
	if group, err := syscall.Getpgid(leader.Pid); err == nil {
		inGroup = group == leader.Pid
	}
	err := syscall.Kill(-leader.Pid, sig)
	switch sig {
	case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGCONT:
		// The call succeeds if it reaches any member of the group. The leader may be
		// missed, because it has become another user's or has just changed its group.
		// These signals are harmless when they are sent twice.
		return os.NewSyscallError("kill", leader.Signal(sig))
	}
	// A program may take a second SIGTERM as a request to stop at once.
	if !inGroup || err == syscall.ESRCH {
		err = leader.Signal(sig)
	}
	return os.NewSyscallError("kill", err)
}

// resume continues a process that SIGSTOP has stopped, so that it handles signals.
func (p *Process) resume() { _ = p.Signal(syscall.SIGCONT) }

// details returns what os.ProcessState does not have in portable form.
func details(state *os.ProcessState) (signal syscall.Signal, core bool, maxRSS int64) {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		signal, core = status.Signal(), status.CoreDump()
	}
	if usage, ok := state.SysUsage().(*syscall.Rusage); ok {
		maxRSS = int64(usage.Maxrss)
		if runtime.GOOS != "darwin" && runtime.GOOS != "ios" { // in bytes there, in KiB elsewhere
			maxRSS *= 1 << 10
		}
	}
	return signal, core, maxRSS
}
