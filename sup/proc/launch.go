package proc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// Start starts the process. ctx does not bound the life of the process: it bounds
// the wait for other starts, which run one at a time, and gives the log its path
// and incarnation (sup.Path). The caller must call [Process.Stop], or wait for the
// process to end.
//
// Errors: a [CommandError], before anything starts; an error of the system, so
// that errors.Is finds fs.ErrNotExist, fs.ErrPermission, exec.ErrNotFound and the
// like; a [LimitError]; the cause of ctx.
func (c Command) Start(ctx context.Context) (*Process, error) { return c.start(ctx, nil, nil) }

// start is Start with the callbacks of a worker: onLine for lines, and onMessage
// for notification messages. A nil onMessage means that the process gets no
// notification channels.
func (c Command) start(ctx context.Context, onLine func(Line), onMessage func(string)) (*Process, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	p, err := c.launch(ctx, joinCallbacks(c.Watch, onLine), onMessage)
	if err != nil {
		return nil, fmt.Errorf("%s: start: %w", c.Path, err)
	}
	return p, nil
}

// joinCallbacks returns a function that calls both functions, each of which may
// be nil.
func joinCallbacks(one, other func(Line)) func(Line) {
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

// launch creates the pipes, the notification socket and the control group of a
// process, and starts it. It releases them all if it fails.
func (c Command) launch(ctx context.Context, onLine func(Line), onMessage func(string)) (_ *Process, err error) {
	p := &Process{
		cmd:         c.exec(),
		stopSignal:  cmp.Or(c.StopSignal, syscall.SIGTERM),
		tail:        newTail(c.Tail),
		watch:       onLine,
		callbackErr: make(chan error, 1),
	}
	var writers []*os.File // the ends of the pipes that the process gets
	defer func() {
		for _, w := range writers {
			w.Close()
		}
		if err != nil {
			for _, pipe := range p.pipes {
				pipe.file.Close()
			}
			p.notify.remove()
		}
	}()
	connect := func(to *pipe) error {
		reader, writer, err := os.Pipe()
		if err != nil {
			return err
		}
		writers = append(writers, writer)
		to.file = reader
		p.pipes = append(p.pipes, to)
		return nil
	}
	for i, out := range []Output{c.Stdout, c.Stderr} {
		lines := &lineSplitter{stream: Stream(i), emit: p.keepLine}
		if out == Logged {
			lines.emit = p.logLine
		}
		p.emit[i] = lines.emit
		if err := connect(&pipe{consume: lines.write, flush: lines.flush, piped: out == Piped}); err != nil {
			return nil, err
		}
	}
	p.cmd.Stdout, p.cmd.Stderr = writers[Stdout], writers[Stderr]
	if onMessage != nil {
		emit := func(message string) {
			p.status.apply(message)
			onMessage(message)
		}
		parser := &messageParser{emit: emit}
		if err := connect(&pipe{consume: parser.write, flush: parser.flush}); err != nil {
			return nil, err
		}
		p.cmd.ExtraFiles = append(p.cmd.ExtraFiles, writers[2])
		p.cmd.Env = append(withoutVariables(p.cmd.Env, NotifyVariable), fmt.Sprintf("%s=%d", NotifyVariable, 2+len(p.cmd.ExtraFiles)))
		if p.notify, err = listenNotify(emit); err != nil {
			return nil, err
		}
		p.cmd.Env = c.Live.environ(p.notify.environ(p.cmd.Env))
	}
	if p.cgroup, err = newCgroup(c.Limits); err != nil {
		return nil, err
	}
	setAttributes(p.cmd, p.cgroup)
	p.setMark()
	if err := c.setIdentity(p.cmd); err != nil {
		return nil, errors.Join(err, p.cgroup.remove())
	}
	p.cmd.Env = c.listenEnviron(p.cmd.Env) // last, because LISTEN_PID must be the last entry
	if p.cmd, err = c.startProgram(ctx, p.cmd); err != nil {
		return nil, errors.Join(c.explainIdentity(c.explainStart(p.cmd.Path, err)), p.cgroup.remove())
	}
	p.log = newLineLog(c, p, sup.Path(ctx), sup.Incarnation(ctx))
	p.startGoroutines()
	return p, nil
}

// exec returns the command in the form of package os/exec.
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

// startProgram starts cmd, and returns the copy of it that has started, because an
// exec.Cmd can be started only once.
func (c Command) startProgram(ctx context.Context, cmd *exec.Cmd) (started *exec.Cmd, err error) {
	err = retryBusy(ctx, func() (err error) {
		started, err = c.tryStart(ctx, cmd)
		return err
	})
	return started, err
}

// busyTimeout is how long a start waits for a program that is open for writing.
const busyTimeout = 200 * time.Millisecond

// retryBusy calls start until it returns anything but ETXTBSY, or busyTimeout ends.
//
// A program that was just written and closed may still be open for writing: when
// another goroutine forks in between, its child has the descriptor until it
// executes its own program (golang/go#22315). A lock does not help, because the
// other fork may not come from this package.
func retryBusy(ctx context.Context, start func() error) error {
	deadline := time.Now().Add(busyTimeout)
	for pause := time.Millisecond; ; pause = min(2*pause, busyTimeout/8) {
		err := start()
		if !errors.Is(err, syscall.ETXTBSY) || !time.Now().Before(deadline) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// tryStart makes one attempt to start a copy of cmd, on a starter's thread.
func (c Command) tryStart(ctx context.Context, cmd *exec.Cmd) (*exec.Cmd, error) {
	attempt := &exec.Cmd{
		Path: cmd.Path, Args: cmd.Args, Env: cmd.Env, Dir: cmd.Dir, Err: cmd.Err,
		Stdin: cmd.Stdin, Stdout: cmd.Stdout, Stderr: cmd.Stderr,
		ExtraFiles: cmd.ExtraFiles, SysProcAttr: cmd.SysProcAttr,
	}
	beginStart()
	err := c.startOnThread(ctx, func() error { return startLimited(attempt, c) })
	if err != nil {
		endStart(nil)
		return attempt, err
	}
	endStart(attempt.Process)
	return attempt, nil
}
