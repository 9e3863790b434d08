package proc

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

// An Exit describes how a process ended.
type Exit struct {
	Path   string         // of the command
	Pid    int            // of the process
	Code   int            // exit code; -1 after a signal, or if unknown
	Signal syscall.Signal // the signal that ended the process, else 0
	Core   bool           // whether the process dumped core
	OOM    bool           // whether the kernel killed in the control group for lack of memory, see [Limits].Memory
	Killed bool           // whether [Process.Stop] killed the process because it did not stop in time
	User   time.Duration  // processor time in user mode, with that of children it waited for
	System time.Duration  // processor time in the kernel, likewise
	// MaxRSS is the peak memory in bytes, or 0 if the system does not report it. On
	// Linux it includes the memory of the host at the start of the process. With a
	// control group that has a memory controller, it is the exact peak of that group.
	MaxRSS    int64
	Survivors []int  // processes of the group that ran on and were killed; Linux only
	Lines     []Line // the last lines of output, oldest first, see [Command].Tail
	// Left lists processes that still run: daemons in sessions or groups of their own,
	// and processes that the host may not kill. The log has a warning. Linux only.
	Left []int
	// Unkilled is the reason why the process could not be killed. The process still
	// runs, and Code is -1. It is nil if the process has ended.
	Unkilled error
	// Status is the last status that the process sent.
	Status Status
}

// String returns, say, "exit code 3" or "signal: killed (core dumped)".
func (e Exit) String() string {
	var text string
	switch {
	case e.Unkilled != nil:
		return "still running: " + e.Unkilled.Error()
	case e.Signal == 0 && e.Code < 0:
		text = "exit status unknown: another part of this program reaped the process"
	case e.Signal == 0:
		text = fmt.Sprintf("exit code %d", e.Code)
	default:
		text = "signal: " + e.Signal.String()
	}
	if e.Core {
		text += " (core dumped)"
	}
	if e.OOM {
		text += " (out of memory)"
	}
	return text + e.leftText()
}

// leftText is the part of an error text that lists Left.
func (e Exit) leftText() string {
	if len(e.Left) == 0 {
		return ""
	}
	return fmt.Sprintf("; processes left running in the background: %v", e.Left)
}

// Err returns nil for exit code 0, and an [ExitError] for everything else.
func (e Exit) Err() error {
	if e.Code == 0 && e.Signal == 0 {
		return nil
	}
	return &ExitError{e}
}

// newExit returns the exit of a process that has been reaped, without its lines.
// state is nil if another part of the program has reaped the process.
func (p *Process) newExit(state *os.ProcessState, survivors, left []int) Exit {
	exit := Exit{
		Path:      p.cmd.Path,
		Pid:       p.Pid(),
		Code:      -1,
		Survivors: slices.DeleteFunc(survivors, func(pid int) bool { return slices.Contains(left, pid) }),
		Left:      left,
	}
	if state == nil {
		return exit
	}
	exit.Code = state.ExitCode()
	exit.User, exit.System = state.UserTime(), state.SystemTime()
	exit.Signal, exit.Core, exit.MaxRSS = details(state)
	exit.OOM = p.cgroup.oom()
	if peak := p.cgroup.peak(); peak > 0 {
		exit.MaxRSS = peak
	}
	exit.Killed = p.killed.Load() && (exit.Signal == syscall.SIGKILL || !hasSignals)
	return exit
}

// unkilledExit returns the exit of a process that could not be killed.
func (p *Process) unkilledExit(err error) Exit {
	return Exit{Path: p.cmd.Path, Pid: p.Pid(), Code: -1, Lines: p.tail.lines(), Unkilled: err}
}
