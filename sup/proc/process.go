package proc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// A Process is a process that was started, and the group that it leads. All
// methods are safe for concurrent use.
type Process struct {
	cmd    *exec.Cmd
	ask    syscall.Signal
	tail   *tail
	watch  func(Line) // may be nil
	log    *lineLog
	cgroup *cgroup       // nil if it has none of its own
	notify *notifySocket // nil if it has none
	status statusBox
	pipes  []*pipe       // all that it writes to
	out    [2]*pipe      // of those, stdout and stderr
	emit   [2]func(Line) // what is told their lines
	failed chan error    // has room for what became of the caller's functions
	marked string        // by which its descendants are recognized; Linux only
	killed atomic.Bool

	life      context.Context // ends with the process, or when it cannot be killed
	ended     context.CancelFunc
	pumps     sync.WaitGroup // read the pipes
	concluded sync.Once
	exit      Exit // fixed when life has ended

	mu     sync.Mutex // protects reaped, and orders signals before the reaping
	reaped bool       // its id may be another's
}

// begin starts the goroutines of a process. All end with it; the one that
// waits for it waits for the others, but for that of the log.
func (p *Process) begin() {
	p.life, p.ended = context.WithCancel(context.Background())
	for _, pipe := range p.pipes {
		if !pipe.piped {
			p.pumps.Go(pipe.pumped)
		}
	}
	if p.notify != nil {
		p.pumps.Go(func() { p.notify.serve(p) })
	}
	go func() {
		state, survivors := p.reap()
		survivors = append(survivors, p.cgroup.end()...)
		exit := p.exitOf(state, survivors, p.leftOf())
		_ = p.cgroup.remove() // what cannot be removed is left to the next host
		p.conclude(func() Exit {
			exit.Lines = p.tail.lines()
			return exit
		})
	}()
}

// conclude fixes the exit, once all output has been read.
func (p *Process) conclude(how func() Exit) {
	p.concluded.Do(func() {
		for _, pipe := range p.pipes {
			pipe.finish()
		}
		p.notify.finish()
		p.pumps.Wait()
		p.exit = how()
		p.exit.Status = p.Status()
		p.log.end(p.exit.Left)
		p.ended()
	})
}

// Pid returns the id of the process, which is that of its group too.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended, been reaped and its output read, and
// nothing is left of its group. It is also closed when the process cannot be
// killed, see [Exit].Unkilled.
func (p *Process) Done() <-chan struct{} { return p.life.Done() }

// Wait waits until the process has ended, see [Process.Done], and returns how.
// The error is the cause of ctx, if that ends first.
func (p *Process) Wait(ctx context.Context) (Exit, error) {
	ctx = given(ctx)
	select {
	case <-p.life.Done():
	case <-ctx.Done():
		if exit, ended := p.Exit(); ended {
			return exit, nil
		}
		return Exit{}, context.Cause(ctx)
	}
	return p.exit, nil
}

// Exit returns how the process has ended, or false as long as it has not.
func (p *Process) Exit() (Exit, bool) {
	select {
	case <-p.life.Done():
		return p.exit, true
	default:
		return Exit{}, false
	}
}

// Signal sends a signal to the process group, and to the process itself if it has
// left the group. It returns os.ErrProcessDone when the process has ended, and an
// error that wraps fs.ErrPermission when it has become another user's. Where there
// are no groups the signal goes to the process, if the system can send it at all.
func (p *Process) Signal(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return os.ErrProcessDone
	}
	return signalGroup(p.cmd.Process, sig)
}

// Kill kills everything in the control group of the process, if it has one, the
// process group, and the process. It returns os.ErrProcessDone when the process
// has ended.
//
// A process that has become another user's cannot be killed without privileges.
// Then the error wraps fs.ErrPermission, and the process is given up:
// [Process.Done] is closed, and [Exit].Unkilled has the error.
func (p *Process) Kill() error {
	p.mu.Lock()
	reaped := p.reaped
	p.mu.Unlock()
	if reaped {
		return os.ErrProcessDone
	}
	all := p.cgroup.kill()
	err := p.Signal(syscall.SIGKILL)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	if all || hasEnded(p) { // a process that ends refuses signals until it is reaped
		return nil
	}
	err = fmt.Errorf("process %d of another user: %w", p.Pid(), err)
	// The output is read to its end first, which takes a goroutine: the caller
	// may be the function that is told of it.
	go p.conclude(func() Exit { return p.unended(err) })
	return err
}

// Stop asks the process group to stop, with the StopSignal, and kills it when
// grace is over, or ctx ends. A process that has been stopped by SIGSTOP is
// continued, so that it can hear. Stop returns when the process has ended, see
// [Process.Done]; or when it cannot be killed; or when ctx has ended and the
// process, which hangs in the kernel, has not for two seconds after it was killed.
// [Exit].Unkilled tells the last two.
func (p *Process) Stop(ctx context.Context, grace time.Duration) Exit {
	ctx = given(ctx)
	if grace > 0 && p.Signal(p.ask) == nil {
		p.resume()
		asking, end := withLimit(ctx, grace, nil)
		defer end()
		select {
		case <-p.life.Done():
		case <-asking.Done():
		}
	}
	if exit, ended := p.Exit(); ended {
		return exit
	}
	p.killed.Store(true)
	_ = p.Kill() // the exit has the error; that it has ended meanwhile is as good
	killing, end := withLimit(context.Background(), killTime, nil)
	defer end()
	select {
	case <-p.life.Done():
		return p.exit
	case <-killing.Done():
	}
	select {
	case <-p.life.Done():
		return p.exit
	case <-ctx.Done():
		return p.unended(fmt.Errorf("process %d was killed and has not ended: %w", p.Pid(), context.Cause(ctx)))
	}
}

// killTime is how long something that was killed may take to go. What takes
// longer hangs in the kernel, or belongs to another user.
const killTime = 2 * time.Second

// Tail returns the last lines of output so far, oldest first.
func (p *Process) Tail() []Line { return p.tail.lines() }

// Dropped returns how many lines the log has not been told because it was too
// slow.
func (p *Process) Dropped() int { return int(p.log.total.Load()) }

// Flush waits until the process has ended, and the log has been told all that
// it has written. When ctx ends first, the log is told no more: the rest is
// dropped, and the error is the cause of ctx.
func (p *Process) Flush(ctx context.Context) error { return p.log.flush(given(ctx)) }

// Stdout returns what the process writes to its standard output, if that is
// Piped, else nil. It ends when the process has, even if somebody else
// keeps the pipe open; nothing that the process has written is lost. Closing it
// lets the process's further writes fail.
func (p *Process) Stdout() io.ReadCloser { return p.piped(Stdout) }

// Stderr is [Process.Stdout] for the standard error.
func (p *Process) Stderr() io.ReadCloser { return p.piped(Stderr) }

// Writer returns where to write what the process says in another way than
// through its standard output and error, over a connection say: it is taken
// apart into lines that are kept, told and logged as if they had come from that
// stream. What is written after the process has ended is kept only.
func (p *Process) Writer(s Stream) io.Writer {
	s = min(s, Stderr)
	return &writer{lines: splitter{stream: s, emit: p.emit[s]}}
}

// writer is a splitter for concurrent use.
type writer struct {
	mu    sync.Mutex
	lines splitter
}

func (w *writer) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines.write(b)
	return len(b), nil
}

func (p *Process) piped(s Stream) io.ReadCloser {
	if !p.out[s].piped {
		return nil
	}
	return p.out[s]
}

// seeLine is told every line.
func (p *Process) seeLine(line Line) {
	p.tail.add(line)
	if p.watch != nil {
		contain(p.failed, func() error { p.watch(line); return nil })
	}
}

// logLine is seeLine, for what is logged.
func (p *Process) logLine(line Line) {
	p.seeLine(line)
	p.log.offer(line)
}
