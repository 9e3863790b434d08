package proc

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"syscall"
	"time"
)

// DefaultTail is the number of last output lines that are kept by default.
const DefaultTail = 20

// A Command describes a program and how to run it. It is plain data that a start
// does not change, so one Command can start any number of processes, also
// concurrently. Every zero field but Path means its default.
//
// [Command.Worker] is the start function of a child. [Command.Start] starts a
// process without a supervisor, and ignores Ready, ReadyWithin, Live and Normal.
type Command struct {
	// Path is the program: a path relative to Dir, or a name without a slash, which
	// each start looks up in the directories of $PATH. Required.
	Path string
	// Args are the arguments, without the name of the program.
	Args []string
	// Env is the environment, each entry "NAME=value". nil means [Environ]: the
	// environment of the host without the variables meant for the host alone. Empty
	// means none. On Linux, ESPALIER_PROCESS is added in either case.
	Env []string
	// Dir is the working directory. Default: the working directory of the host.
	Dir string
	// Stdin is the standard input. All incarnations share its file position.
	// Default: empty.
	Stdin *os.File
	// ExtraFiles are inherited as the descriptors after those of Listeners, which
	// begin at 3. The caller closes the files.
	ExtraFiles []*os.File
	// Listeners are sockets that each incarnation inherits as its descriptors from 3,
	// see [Listener]. The caller closes them.
	Listeners []*Listener

	// User is the name or the number of the user that the process runs as. Default:
	// the user of the host. Another user requires a host that runs as root, or has
	// CAP_SETUID and CAP_SETGID.
	//
	// If Env is nil, HOME, USER and LOGNAME are set for the user. If the user may not
	// execute the program or enter Dir, the start fails with an error that wraps
	// fs.ErrPermission.
	User string
	// Group is the name or the number of the group that the process runs as. Default:
	// the group of User in the user database or, without a User, the group of the
	// host.
	Group string
	// Groups are the names or numbers of the supplementary groups. nil means the groups
	// of User in the group database or, without a User, the groups of the host. Empty
	// means none.
	Groups []string
	// Umask is the mask for the permissions of new files, such as
	// new(fs.FileMode(0o027)). Default: the mask of the host. Linux only, and only
	// where unshare(2) is allowed, which some containers forbid.
	Umask *fs.FileMode
	// Nice is the nice value, from -20 (most favoured) to 19. 0 means the nice value of
	// the host, and a lower one requires privileges. Linux only.
	Nice int

	// Stdout and Stderr are the destinations of the output. Default: Logged.
	Stdout, Stderr Output
	// Logger gets a record for each line that is Logged, see [Line]. Default:
	// slog.Default() at the time of the start. A handler that never returns blocks one
	// goroutine and nothing else. A panic in Logger, Level or Watch ends a Worker.
	Logger *slog.Logger
	// Level returns the log level of a line. Default: Info for stdout, Warn for stderr.
	Level func(Line) slog.Level
	// Watch is called with each line of any Output, before the Logger. It blocks the
	// process, so it must return soon. It is called for one line of a stream at a time,
	// and for both streams concurrently.
	Watch func(Line)
	// Tail is how many of the last lines are kept, of both streams together. An
	// earlier line is kept in addition if it is the [LastOutput], so that much output
	// does not hide the reason of a failure. Default: [DefaultTail].
	Tail int

	// StopSignal is sent to the process group to stop it. Default: SIGTERM.
	StopSignal syscall.Signal
	// Limits bound the resources of the process. Default: the limits of the host.
	Limits Limits

	// Ready is the condition on which the process is ready. Default: [ReadyAtOnce].
	Ready Readiness
	// ReadyWithin is how long the process may take to become ready. 0 leaves the
	// StartTimeout of the child as the only bound. With ReadyWithin, the error
	// contains the last output.
	ReadyWithin time.Duration
	// Live is how proc detects a process that hangs. Default: not at all.
	Live Liveness
	// Normal classifies an exit that no one requested: nil is a normal exit, an error
	// that wraps sup.ErrShutdown an orderly one, and any other error an abnormal one.
	// Default: [Exit.Err], so that exit code 0 is normal.
	Normal func(Exit) error
}

// Output is the destination of an output stream. For each of them, the last lines
// are kept for [Exit].Lines.
type Output uint8

const (
	// Logged is output that goes to the Logger line by line. It is the default.
	Logged Output = iota
	// Kept is output of which only the last lines are kept.
	Kept
	// Piped is output that the caller reads through [Process.Stdout] or
	// [Process.Stderr]. The process blocks while the caller does not read. Lines are
	// kept when the caller reads them, and the rest when the process has ended.
	Piped
)

// Validate returns a [CommandError] with all faults that can be found without a
// start, or nil. Each start validates the command too.
func (c Command) Validate() error {
	var f faults
	if c.Path == "" {
		f.add("Path", "is empty: name a program")
	}
	f.checkText("Path", c.Path)
	f.checkText("Dir", c.Dir)
	for i, arg := range c.Args {
		f.checkText(fmt.Sprintf("Args[%d]", i), arg)
	}
	for i, entry := range c.Env {
		field := fmt.Sprintf("Env[%d]", i)
		f.checkText(field, entry)
		if strings.IndexByte(entry, '=') < 1 {
			f.add(field, "%q is not an entry: write \"NAME=value\"", entry)
		}
	}
	for i, file := range c.ExtraFiles {
		if file == nil {
			f.add(fmt.Sprintf("ExtraFiles[%d]", i), "is nil: use an open file, or leave the entry out")
		}
	}
	for i, out := range []Output{c.Stdout, c.Stderr} {
		if out > Piped {
			f.add([]string{"Stdout", "Stderr"}[i], "%d is not an Output: use Logged, Kept or Piped", out)
		}
	}
	if c.Tail < 0 {
		f.add("Tail", "%d is negative: use 0 for %d lines", c.Tail, DefaultTail)
	}
	if c.StopSignal < 0 || c.StopSignal > maxSignal {
		f.add("StopSignal", "%d is not a signal: use 0 for SIGTERM", int(c.StopSignal))
	}
	if c.ReadyWithin < 0 {
		f.add("ReadyWithin", "%v is negative: use 0 for no bound", c.ReadyWithin)
	}
	if c.Ready.pattern != nil && c.Stdout == Piped && c.Stderr == Piped {
		f.add("Ready", "waits for a line, but both streams are Piped: use Logged or Kept for one of them")
	}
	c.checkListeners(&f)
	c.checkIdentity(&f)
	c.checkThread(&f)
	c.Limits.check(&f)
	c.Ready.check(&f)
	c.Live.check(&f)
	if c.Ready.done && c.Live.isSet() {
		f.add("Live.Probe", "probes a process that has ended: leave the probe out with ReadyDone")
	}
	if len(f) > 0 {
		return &CommandError{Path: c.Path, Faults: f}
	}
	return nil
}

// maxSignal is the highest signal of any system: SIGRTMAX of Linux.
const maxSignal = 64
