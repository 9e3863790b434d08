package proc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// DefaultTail is how many of the last lines of output are kept.
const DefaultTail = 20

// A Command says which program to run and how. It is plain data: starting it
// changes nothing, so that one Command can be started any number of times, also
// at the same time. All zero fields but Path are defaults.
//
// [Command.Worker] is a start function for a supervisor; [Command.Start] starts
// the process by itself, and leaves Ready, ReadyWithin, Live and Normal to the
// caller.
type Command struct {
	// Path is the program: a path, relative to Dir, or a name without a slash,
	// which is looked up in the directories of $PATH at each start. Required.
	Path string
	// Args are its arguments, without its name.
	Args []string
	// Env is its environment, each entry "NAME=value". nil means [Environ], that
	// of the host but for what is addressed to the host alone; empty means none. On
	// Linux, ESPALIER_PROCESS is added to both.
	Env []string
	// Dir is its working directory. Default: that of the host.
	Dir string
	// Stdin is what it reads. Default: nothing. Every incarnation reads on in
	// the same file.
	Stdin *os.File
	// ExtraFiles are its descriptors from 3, after those of Listeners. The files
	// remain the caller's.
	ExtraFiles []*os.File
	// Listeners are sockets that each incarnation inherits as its descriptors from
	// 3, see [Listener]. They remain the caller's.
	Listeners []*Listener

	// User is the user that the process runs as, a name or a number. Default:
	// that of the host. Only a host that runs as root, or has CAP_SETUID and
	// CAP_SETGID, may name another user than its own.
	//
	// If Env is nil, HOME, USER and LOGNAME are those of the user. If the user may
	// not execute the program or enter Dir, the start fails with an error that
	// wraps fs.ErrPermission.
	User string
	// Group is the group that it runs as, a name or a number. Default: that of
	// User in the user database, or, without a User, that of the host.
	Group string
	// Groups are its supplementary groups, names or numbers. nil means those that
	// User has in the group database, or, without a User, those of the host;
	// empty means none.
	Groups []string
	// Umask is the mask of the permissions of files that it creates, such as
	// new(fs.FileMode(0o027)). Default: that of the host, which is never changed.
	// Linux only, and only where unshare(2) is allowed, which it is not in some
	// containers.
	Umask *fs.FileMode
	// Nice is its nice value, from -20, the most favoured, to 19. 0 means that of
	// the host. A lower value than the host's takes privileges. Linux only.
	Nice int

	// Stdout and Stderr say what becomes of its output. Default Logged.
	Stdout, Stderr Output
	// Logger is told every line that is Logged, see [Line]. Default:
	// slog.Default(), as it is at the start. A handler that never returns keeps a
	// goroutine, but nothing else. A panic of Logger, Level or Watch ends a Worker.
	Logger *slog.Logger
	// Level is the level of a line. Default: Info for what comes from stdout,
	// Warn for stderr.
	Level func(Line) slog.Level
	// Watch is told every line, whatever becomes of it, before the Logger is. It
	// holds up the process, so it must not block. It is called for one line of a
	// stream at a time, and for both streams at once.
	Watch func(Line)
	// Tail is how many of the last lines are kept, of both streams together, and
	// before them an earlier one if that has the [LastWords]: much output does
	// not take away the reason. Default [DefaultTail].
	Tail int

	// StopSignal asks the process group to stop. Default SIGTERM.
	StopSignal syscall.Signal
	// Limits bound what the process may use. Default: those of the host.
	Limits Limits

	// Ready says when the process is ready. Default [ReadyAtOnce].
	Ready Readiness
	// ReadyWithin bounds the wait for that. 0 means that only the StartTimeout
	// of the child does; with ReadyWithin, the error has the last words of the
	// process.
	ReadyWithin time.Duration
	// Live says how to find out that the process has hung. Default: not at all.
	Live Liveness
	// Normal decides what an exit that nobody asked for is to the supervisor: nil
	// is a normal one, an error that wraps sup.ErrShutdown an orderly one,
	// any other an abnormal one. Default [Exit.Err]: code 0 is normal.
	Normal func(Exit) error
}

// Output says what becomes of what a process writes to one of its streams.
// Whatever it is, the last lines are kept for [Exit].Lines.
type Output uint8

const (
	// Logged output goes to the Logger line by line. The default.
	Logged Output = iota
	// Kept output goes nowhere else.
	Kept
	// Piped output is read by the caller through [Process.Stdout] or
	// [Process.Stderr], and held up when the caller does not read. Its lines are
	// kept as they are read, and what is left when the process has ended.
	Piped
)

// A Fault is one thing that is wrong with a [Command].
type Fault struct {
	Field   string
	Problem string // what is wrong, with the value, and what to write instead
}

// String returns "field: problem".
func (f Fault) String() string { return f.Field + ": " + f.Problem }

type faults []Fault

func (f *faults) add(field, format string, args ...any) {
	*f = append(*f, Fault{field, fmt.Sprintf(format, args...)})
}

// Validate returns a [CommandError] that lists everything that can be seen to
// be wrong with the command without starting it, or nil. Starting it does so
// too.
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
			f.add(field, "%q is no entry: write \"NAME=value\"", entry)
		}
	}
	for i, file := range c.ExtraFiles {
		if file == nil {
			f.add(fmt.Sprintf("ExtraFiles[%d]", i), "is nil: give an open file, or leave it out")
		}
	}
	for i, out := range []Output{c.Stdout, c.Stderr} {
		if out > Piped {
			f.add([]string{"Stdout", "Stderr"}[i], "%d is none: use Logged, Kept or Piped", out)
		}
	}
	if c.Tail < 0 {
		f.add("Tail", "%d is negative: use 0 for %d lines", c.Tail, DefaultTail)
	}
	if c.StopSignal < 0 || c.StopSignal > maxSignal {
		f.add("StopSignal", "%d is no signal: use 0 for SIGTERM", int(c.StopSignal))
	}
	if c.ReadyWithin < 0 {
		f.add("ReadyWithin", "%v is negative: use 0 for no bound", c.ReadyWithin)
	}
	if c.Ready.line != nil && c.Stdout == Piped && c.Stderr == Piped {
		f.add("Ready", "waits for a line, but both streams are Piped: let one be Logged or Kept")
	}
	c.checkListeners(&f)
	c.checkIdentity(&f)
	c.checkPriority(&f)
	c.Limits.check(&f)
	c.Ready.check(&f)
	c.Live.check(&f)
	if c.Ready.done && c.Live.asked() {
		f.add("Live.Probe", "asks a process that has ended by then: leave it out with ReadyDone")
	}
	if len(f) > 0 {
		return &CommandError{Path: c.Path, Faults: f}
	}
	return nil
}

// maxSignal is the highest signal that a system has: SIGRTMAX of Linux.
const maxSignal = 64

func (f *faults) checkText(field, text string) {
	if strings.IndexByte(text, 0) >= 0 {
		f.add(field, "%q has a zero byte: no system takes that", text)
	}
}

func (f *faults) checkTime(field string, d time.Duration) {
	if d < 0 {
		f.add(field, "%v is negative: use 0 for the default", d)
	}
}

// Start starts the process. ctx is not the life of the process: it bounds the
// wait for other starts, of which there is one at a time, and the records of the
// log carry the path and incarnation that it belongs to (sup.Path). The caller
// has to end the process, with [Process.Stop], or to wait for its end.
//
// Errors: a [CommandError], with nothing begun; what the system says, wrapped,
// so that errors.Is finds fs.ErrNotExist, fs.ErrPermission, exec.ErrNotFound
// and the like; a [LimitError]; the cause of ctx.
func (c Command) Start(ctx context.Context) (*Process, error) { return c.start(ctx, nil, nil) }

// start is Start, with what a worker wants to be told: the lines, and what
// comes on the notification descriptor, if there is to be one.
func (c Command) start(ctx context.Context, line func(Line), notified func(string)) (*Process, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	p, err := c.launch(given(ctx), both(c.Watch, line), notified)
	if err != nil {
		return nil, fmt.Errorf("proc: start %s: %w", c.Path, err)
	}
	return p, nil
}

// given is ctx, or, where a caller has given none, one that never ends.
func given(ctx context.Context) context.Context {
	if ctx == nil {
		return context.Background()
	}
	return ctx
}

// both tells two who want to be told, of which either may be nil.
func both(one, other func(Line)) func(Line) {
	switch {
	case one == nil:
		return other
	case other == nil:
		return one
	}
	return func(line Line) {
		one(line)
		other(line)
	}
}

// launch makes all that the process needs, and starts it. What was made is
// closed again if that fails.
func (c Command) launch(ctx context.Context, line func(Line), notified func(string)) (_ *Process, err error) {
	p := &Process{cmd: c.exec(), ask: cmp.Or(c.StopSignal, syscall.SIGTERM), tail: newTail(c.Tail), watch: line, failed: make(chan error, 1)}
	var ends []*os.File // of the pipes, those of the process
	defer func() {
		for _, end := range ends {
			end.Close()
		}
		if err != nil {
			for _, made := range p.pipes {
				made.file.Close()
			}
			p.notify.remove()
		}
	}()
	connect := func(made *pipe) error {
		reader, writer, err := os.Pipe()
		if err != nil {
			return err
		}
		ends = append(ends, writer)
		made.file = reader
		p.pipes = append(p.pipes, made)
		return nil
	}
	for i, out := range []Output{c.Stdout, c.Stderr} {
		lines := &splitter{stream: Stream(i), emit: p.seeLine}
		if out == Logged {
			lines.emit = p.logLine
		}
		p.emit[i] = lines.emit
		p.out[i] = &pipe{see: lines.write, end: lines.flush, piped: out == Piped}
		if err := connect(p.out[i]); err != nil {
			return nil, err
		}
	}
	p.cmd.Stdout, p.cmd.Stderr = ends[Stdout], ends[Stderr]
	if notified != nil {
		tell := func(message string) {
			p.status.hear(message)
			notified(message)
		}
		heard := &messages{tell: tell}
		if err := connect(&pipe{see: heard.write, end: heard.flush}); err != nil {
			return nil, err
		}
		p.cmd.ExtraFiles = append(p.cmd.ExtraFiles, ends[2])
		p.cmd.Env = append(withoutVariables(p.cmd.Env, NotifyVariable), fmt.Sprintf("%s=%d", NotifyVariable, 2+len(p.cmd.ExtraFiles)))
		if p.notify, err = listenNotify(tell); err != nil {
			return nil, err
		}
		p.cmd.Env = c.Live.environ(p.notify.environ(p.cmd.Env))
	}
	if p.cgroup, err = newCgroup(c.Limits); err != nil {
		return nil, err
	}
	setAttributes(p.cmd, p.cgroup)
	p.mark()
	if err := c.setIdentity(p.cmd); err != nil {
		return nil, errors.Join(err, p.cgroup.remove())
	}
	p.cmd.Env = c.listenEnviron(p.cmd.Env) // its entries must be the last ones
	if p.cmd, err = c.startProgram(ctx, p.cmd); err != nil {
		return nil, errors.Join(c.explainIdentity(c.explain(p.cmd.Path, err)), p.cgroup.remove())
	}
	p.log = newLineLog(c, p, sup.Path(ctx), sup.Incarnation(ctx))
	p.begin()
	return p, nil
}

// exec is the command as package os/exec takes it.
func (c Command) exec() *exec.Cmd {
	cmd := exec.Command(c.Path, c.Args...)
	cmd.Dir, cmd.ExtraFiles = c.Dir, slices.Concat(c.listenerFiles(), c.ExtraFiles)
	if cmd.Env = c.Env; c.Env == nil {
		cmd.Env = Environ()
	}
	if c.Stdin != nil {
		cmd.Stdin = c.Stdin
	}
	return cmd
}

// pumped reads what nobody else does, until the end.
func (p *pipe) pumped() { _, _ = io.Copy(io.Discard, p) }
