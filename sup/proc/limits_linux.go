package proc

import (
	"errors"
	"fmt"
	"os"
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

// startLimited starts a process with its resource limits, and with its id in the
// environment for its listeners. It must be called on a starter's thread, which
// traces the process until it is detached.
//
// Go runs no code of this package between fork and exec, and once the program runs
// it is too late, because it may have forked. But a traced process stops after its
// exec, before its first instruction.
func startLimited(cmd *exec.Cmd, c Command) error {
	if len(c.Limits.Rlimits) == 0 && len(c.Listeners) == 0 {
		return cmd.Start()
	}
	cmd.SysProcAttr.Ptrace = true
	if err := cmd.Start(); err != nil {
		if errors.Is(err, syscall.EPERM) { // a program that may not be executed is EACCES
			return c.traceError(fmt.Errorf("ptrace(2) not allowed: %w", err))
		}
		return err
	}
	if err := c.limitTraced(cmd.Process.Pid, cmd.SysProcAttr.Credential); err != nil {
		_ = cmd.Process.Kill()
		_, _ = cmd.Process.Wait()
		return err
	}
	return nil
}

// traceError names the first field that requires ptrace in an error of ptrace.
func (c Command) traceError(err error) error {
	if len(c.Limits.Rlimits) > 0 {
		return &LimitError{"Rlimits", err}
	}
	return fieldError("Listeners", err)
}

// limitTraced waits until a traced process stops after its exec, sets its limits and
// detaches it.
func (c Command) limitTraced(pid int, as *syscall.Credential) error {
	for {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(pid, &status, 0, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil || !status.Stopped() {
			return c.traceError(fmt.Errorf("process ended during the start (%v)", err))
		}
		if status.StopSignal() == syscall.SIGTRAP {
			break
		}
		if err := syscall.PtraceCont(pid, int(status.StopSignal())); err != nil {
			return c.traceError(err)
		}
	}
	for r, value := range c.Limits.Rlimits {
		limit := &unix.Rlimit{Cur: value, Max: value}
		if err := prlimit(pid, rlimitNumbers[r], limit, as); err != nil {
			return &LimitError{r.String(), fmt.Errorf("to %d: %w", value, err)}
		}
	}
	if len(c.Listeners) > 0 {
		if err := writeListenPid(pid); err != nil {
			return fieldError("Listeners", fmt.Errorf("%s: %w", listenPidVariable, err))
		}
	}
	if err := syscall.PtraceDetach(pid); err != nil {
		return c.traceError(err)
	}
	return nil
}

// prlimit sets a limit of a process. For a process of another user, the kernel
// demands a privilege that root lacks in most containers, or a thread with the real
// user and group of the process.
func prlimit(pid, resource int, limit *unix.Rlimit, as *syscall.Credential) error {
	err := unix.Prlimit(pid, resource, limit, nil)
	if as == nil || err != unix.EPERM {
		return err
	}
	const keep = ^uintptr(0)
	uid, gid := os.Getuid(), os.Getgid()
	// Raw system calls change this thread only. Those of package syscall change all.
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(as.Gid), keep, keep); errno != 0 {
		return err
	}
	defer unix.RawSyscall(unix.SYS_SETRESGID, uintptr(gid), keep, keep)
	if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(as.Uid), keep, keep); errno != 0 {
		return err
	}
	defer unix.RawSyscall(unix.SYS_SETRESUID, uintptr(uid), keep, keep)
	return unix.Prlimit(pid, resource, limit, nil)
}
