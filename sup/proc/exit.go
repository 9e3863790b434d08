package proc

import (
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"
)

// An Exit is how a process ended.
type Exit struct {
	Path   string         // of the command
	Pid    int            // which it had
	Code   int            // what it exited with; -1 if a signal ended it, or it is not known
	Signal syscall.Signal // what ended it; 0 if it exited
	Core   bool           // it has dumped core
	OOM    bool           // the kernel killed for lack of memory in its control group; see [Limits].Memory
	Killed bool           // it was killed by [Process.Stop] because it did not stop in time
	User   time.Duration  // processor time in user mode, with that of its children that it has waited for
	System time.Duration  // processor time in the kernel, likewise
	// MaxRSS is its peak memory in bytes, 0 where the system does not say. Linux
	// counts in what the host had when it started the process; with a control
	// group that has a memory controller it is the exact peak of that group.
	MaxRSS    int64
	Survivors []int  // processes of its group that had outlived it, and were killed; Linux only
	Lines     []Line // the last lines of output, oldest first, see [Command].Tail
	// Left are the processes that it has left running: daemons in sessions or
	// groups of their own, and those of other users that could not be killed. The
	// log has a warning of them. Linux only.
	Left []int
	// Unkilled says why the process could not be killed. It runs on; Code is -1.
	// nil if the process has ended.
	Unkilled error
	// Status is what the process has last said of itself.
	Status Status
}

// String returns, say, "exit code 3" or "signal: killed (core dumped)".
func (e Exit) String() string {
	var text string
	switch {
	case e.Unkilled != nil:
		return "still running: " + e.Unkilled.Error()
	case e.Signal == 0 && e.Code < 0:
		text = "exit status unknown: something else in this program has waited for the process"
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

// leftText is how the text of an exit goes on if processes were left running.
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

// exitOf makes the exit of a process that has been reaped, but for the lines.
func (p *Process) exitOf(state *os.ProcessState, survivors, left []int) Exit {
	exit := Exit{
		Path:      p.cmd.Path,
		Pid:       p.Pid(),
		Code:      -1,
		Survivors: slices.DeleteFunc(survivors, func(pid int) bool { return slices.Contains(left, pid) }),
		Left:      left,
	}
	if state == nil { // somebody else has reaped it
		return exit
	}
	exit.Code = state.ExitCode()
	exit.User, exit.System = state.UserTime(), state.SystemTime()
	exit.Signal, exit.Core, exit.MaxRSS = details(state)
	exit.OOM = p.cgroup.oom()
	if peak := p.cgroup.peak(); peak > 0 {
		exit.MaxRSS = peak
	}
	exit.Killed = p.killed.Load() && (exit.Signal == syscall.SIGKILL || !canAsk)
	return exit
}

// unended makes the exit of a process that could not be killed.
func (p *Process) unended(err error) Exit {
	return Exit{Path: p.cmd.Path, Pid: p.Pid(), Code: -1, Lines: p.tail.lines(), Unkilled: err}
}
