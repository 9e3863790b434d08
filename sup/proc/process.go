package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A Process is a started process and the group that it leads. All methods are safe
// for concurrent use.
type Process struct {
	cmd         *exec.Cmd
	stopSignal  syscall.Signal
	tail        *tail
	watch       func(Line) // may be nil
	log         *lineLog
	cgroup      *cgroup       // nil without a control group
	notify      *notifySocket // nil without a notification socket
	status      lastStatus
	pipes       []*pipe       // of stdout, stderr and, if any, the notification descriptor
	emit        [2]func(Line) // the consumers of the lines of stdout and stderr
	callbackErr chan error    // buffered; the first panic of Logger, Level or Watch
	mark        string        // identifies the descendants of the process; Linux only
	killed      atomic.Bool   // set when Stop kills

	running   context.Context // ends with the process, or when it cannot be killed
	markEnded context.CancelFunc
	readers   sync.WaitGroup // the goroutines that read the pipes and the socket
	exitOnce  sync.Once
	exit      Exit // set before running ends

	mu     sync.Mutex // guards reaped; held while a signal is sent and while the process is reaped
	reaped bool       // the system may have given the process id to another process
}

// startGoroutines starts the goroutines of a process. All end with the process.
// The goroutine that reaps it waits for all others but that of the log.
func (p *Process) startGoroutines() {
	p.running, p.markEnded = context.WithCancel(context.Background())
	for _, pipe := range p.pipes {
		if !pipe.piped {
			p.readers.Go(pipe.discard)
		}
	}
	if p.notify != nil {
		p.readers.Go(func() { p.notify.serve(p) })
	}
	go func() {
		state, survivors := p.reap()
		survivors = append(survivors, p.cgroup.killAll()...)
		exit := p.newExit(state, survivors, p.leftRunning())
		_ = p.cgroup.remove() // the next host removes what remains
		p.setExit(func() Exit {
			exit.Lines = p.tail.lines()
			return exit
		})
	}()
}

// setExit reads the rest of the output, and sets the exit. Only the first call has
// an effect.
func (p *Process) setExit(exit func() Exit) {
	p.exitOnce.Do(func() {
		for _, pipe := range p.pipes {
			pipe.finish()
		}
		p.notify.finish()
		p.readers.Wait()
		p.exit = exit() // after Wait, because it contains the last lines
		p.exit.Status = p.Status()
		p.log.close(p.exit.Left)
		p.markEnded()
	})
}

// Pid returns the id of the process, which is also the id of its group.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done returns a channel that is closed when the process has ended.
//
// By then the process is reaped, its output is read, and nothing remains of its
// group. Done is also closed if the process cannot be killed, see [Exit].Unkilled.
func (p *Process) Done() <-chan struct{} { return p.running.Done() }

// Wait waits for the end of the process, see [Process.Done], and returns its exit.
// If ctx ends first, the error is its cause.
func (p *Process) Wait(ctx context.Context) (Exit, error) {
	select {
	case <-p.running.Done():
	case <-ctx.Done():
		if exit, ended := p.Exit(); ended {
			return exit, nil
		}
		return Exit{}, context.Cause(ctx)
	}
	return p.exit, nil
}

// Exit returns how the process ended, or false if it still runs.
func (p *Process) Exit() (Exit, bool) {
	select {
	case <-p.running.Done():
		return p.exit, true
	default:
		return Exit{}, false
	}
}

// Signal sends a signal to the process group, and to the process itself if it has
// changed its group. On a system without groups, the signal goes to the process
// alone.
//
// The error is os.ErrProcessDone if the process has ended. It wraps
// fs.ErrPermission if the process has become another user's.
func (p *Process) Signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return os.ErrProcessDone
	}
	return signalGroup(p.cmd.Process, sig)
}

// Kill kills the control group of the process, if it has one, the process group,
// and the process. The error is os.ErrProcessDone if the process has ended.
//
// Without privileges, the host cannot kill a process that has become another
// user's. Then the error wraps fs.ErrPermission, [Process.Done] is closed, and
// [Exit].Unkilled is the error.
func (p *Process) Kill() error {
	p.mu.Lock()
	reaped := p.reaped
	p.mu.Unlock() // to kill the control group may block; Signal checks again
	if reaped {
		return os.ErrProcessDone
	}
	all := p.cgroup.kill()
	err := p.Signal(syscall.SIGKILL)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if all || hasEnded(p) { // a process that has ended refuses signals until it is reaped
		return nil
	}
	err = fmt.Errorf("process %d of another user: %w", p.Pid(), err)
	// In a goroutine, because setExit waits for the readers, and the caller may be a
	// callback of one of them.
	go p.setExit(func() Exit { return p.unkilledExit(err) })
	return err
}

// killTimeout is how long a killed process may take to end. A process that takes
// longer hangs in the kernel, or belongs to another user.
const killTimeout = 2 * time.Second

// Stop sends the StopSignal to the process group, and kills the group if it has not
// ended after grace, or when ctx ends. It continues a process that SIGSTOP has
// stopped, so that the process can handle the signal.
//
// Stop returns when the process has ended, see [Process.Done], or cannot be killed.
// It also returns when ctx has ended and the process, which hangs in the kernel,
// still runs two seconds after it was killed. [Exit].Unkilled is set in the latter
// two cases.
func (p *Process) Stop(ctx context.Context, grace time.Duration) Exit {
	if grace > 0 && p.Signal(p.stopSignal) == nil {
		p.resume()
		inGrace, end := withTimeout(ctx, grace, nil)
		defer end()
		select {
		case <-p.running.Done():
		case <-inGrace.Done():
		}
	}
	if exit, ended := p.Exit(); ended {
		return exit
	}
	p.killed.Store(true)
	_ = p.Kill() // the exit has the error; if the process has just ended, there is none
	killing, end := withTimeout(context.Background(), killTimeout, nil)
	defer end()
	select {
	case <-p.running.Done():
		return p.exit
	case <-killing.Done():
	}
	select {
	case <-p.running.Done():
		return p.exit
	case <-ctx.Done():
		return p.unkilledExit(fmt.Errorf("process %d still running after SIGKILL: %w", p.Pid(), context.Cause(ctx)))
	}
}

// Tail returns the last lines of output so far, oldest first.
func (p *Process) Tail() []Line { return p.tail.lines() }

// Dropped returns the number of lines that were dropped because the log was too
// slow.
func (p *Process) Dropped() int { return int(p.log.dropped.Load()) }

// Flush waits until the process has ended and all its output is logged. If ctx ends
// first, the rest is dropped, and the error is the cause of ctx.
func (p *Process) Flush(ctx context.Context) error { return p.log.flush(ctx) }

// Stdout returns the standard output of the process if that is Piped, else nil.
//
// The reader returns io.EOF after the end of the process, even if another process
// keeps the pipe open, and after all output of the process. If the caller closes
// it, further writes of the process fail.
func (p *Process) Stdout() io.ReadCloser { return p.pipeOf(Stdout) }

// Stderr returns the standard error of the process like [Process.Stdout].
func (p *Process) Stderr() io.ReadCloser { return p.pipeOf(Stderr) }

func (p *Process) pipeOf(s Stream) io.ReadCloser {
	if !p.pipes[s].piped {
		return nil
	}
	return p.pipes[s]
}

// Writer returns a writer for output that the process sends in another way, such as
// over a connection. Its lines are kept, logged and passed to Watch as if they came
// from the stream. Lines written after the end of the process are only kept.
func (p *Process) Writer(s Stream) io.Writer {
	s = min(s, Stderr)
	return &lineWriter{lines: lineSplitter{stream: s, emit: p.emit[s]}}
}

// lineWriter is a lineSplitter for concurrent use.
type lineWriter struct {
	mu    sync.Mutex // guards lines
	lines lineSplitter
}

// Write implements [io.Writer].
func (w *lineWriter) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines.write(b)
	return len(b), nil
}

// keepLine adds a line to the tail and passes it to Watch.
func (p *Process) keepLine(line Line) {
	p.tail.add(line)
	if p.watch != nil {
		recoverTo(p.callbackErr, func() error { p.watch(line); return nil })
	}
}

// logLine keeps a line and logs it.
func (p *Process) logLine(line Line) {
	p.keepLine(line)
	p.log.add(line)
}

// recoverTo calls a function of the caller in a goroutine of this package, where a
// panic would end the program. It sends an error, a panic or a Goexit to failed,
// unless the channel is full.
func recoverTo(failed chan<- error, f func() error) {
	var err error
	returned := false
	defer func() {
		if !returned {
			if value := recover(); value != nil {
				err = &sup.PanicError{Value: value, Stack: string(debug.Stack())}
			} else {
				err = sup.ErrGoexit
			}
		}
		if err != nil {
			trySend(failed, err)
		}
	}()
	err = f()
	returned = true
}

// trySend sends a value unless the channel is full.
func trySend[T any](c chan<- T, value T) {
	select {
	case c <- value:
	default:
	}
}
