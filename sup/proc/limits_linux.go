package proc

import (
	"errors"
	"fmt"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

var rlimitNumbers = [...]int{
	AddressSpace: unix.RLIMIT_AS,
	CoreSize:     unix.RLIMIT_CORE,
	CPUSeconds:   unix.RLIMIT_CPU,
	DataSize:     unix.RLIMIT_DATA,
	FileSize:     unix.RLIMIT_FSIZE,
	LockedMemory: unix.RLIMIT_MEMLOCK,
	OpenFiles:    unix.RLIMIT_NOFILE,
	Processes:    unix.RLIMIT_NPROC,
	StackSize:    unix.RLIMIT_STACK,
}

// startLimited starts a process with its resource limits. It must be called on
// the starter's thread, which traces the process until it lets it go.
//
// Between fork and exec, Go runs no code of ours, and once the program runs it
// is too late: it may have forked. But a process that is traced stops after its
// exec, before its first instruction.
func startLimited(cmd *exec.Cmd, l Limits) error {
	if len(l.Rlimits) == 0 {
		return cmd.Start()
	}
	cmd.SysProcAttr.Ptrace = true
	if err := cmd.Start(); err != nil {
		if errors.Is(err, syscall.EPERM) { // of a program that may not be run, it is EACCES
			return &LimitError{"Rlimits", fmt.Errorf("ptrace(2) is not allowed here: %w", err)}
		}
		return err
	}
	if err := limitTraced(cmd.Process.Pid, l); err != nil {
		_ = cmd.Process.Kill()
		_, _ = cmd.Process.Wait()
		return err
	}
	return nil
}

// limitTraced sets the limits of a process that is about to stop after its
// exec, and lets it go.
func limitTraced(pid int, l Limits) error {
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(pid, &status, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || !status.Stopped() {
			return &LimitError{"Rlimits", fmt.Errorf("it ended before they could be set (%v)", err)}
		}
		if status.StopSignal() == syscall.SIGTRAP {
			break
		}
		if err := syscall.PtraceCont(pid, int(status.StopSignal())); err != nil {
			return &LimitError{"Rlimits", err}
		}
	}
	for r, value := range l.Rlimits {
		limit := &unix.Rlimit{Cur: value, Max: value}
		if err := unix.Prlimit(pid, rlimitNumbers[r], limit, nil); err != nil {
			return &LimitError{r.String(), fmt.Errorf("to %d: %w", value, err)}
		}
	}
	if err := syscall.PtraceDetach(pid); err != nil {
		return &LimitError{"Rlimits", err}
	}
	return nil
}
