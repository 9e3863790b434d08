package proc

import (
	"context"
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A Worker is one incarnation of a supervised process: a sup.Worker that starts
// it and waits until it is ready in Initialize, watches it in Run, and ends it
// in Terminate. [Command.Worker] makes one.
type Worker struct {
	command Command
	process *Process      // nil before Initialize
	ready   atomic.Bool   // the process has said so
	said    chan struct{} // closed then
	alive   chan struct{} // has room for one message
	unwell  chan struct{} // likewise
	watch   sync.WaitGroup
}

// Worker is a start function for a child that is a process:
//
//	sup.ChildSpec[*proc.Worker]{ID: "db", Start: command.Worker}
//
// It starts nothing yet. The error is that of [Command.Validate].
func (c Command) Worker(context.Context) (*Worker, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Worker{command: c}, nil
}

// Process returns the process, or nil before it was started. The worker that a
// handle gives has one.
func (w *Worker) Process() *Process { return w.process }

// Initialize starts the process, and returns when it is ready.
//
// Errors: those of [Command.Start]; a [NotReadyError] if the process ends
// first, or ReadyWithin does; one that wraps the cause of ctx.
func (w *Worker) Initialize(ctx context.Context) error {
	w.said, w.alive, w.unwell = make(chan struct{}), make(chan struct{}, 1), make(chan struct{}, 1)
	w.ready.Store(false)
	var lines func(Line)
	if pattern := w.command.Ready.line; pattern != nil {
		lines = func(line Line) {
			if !w.ready.Load() && pattern.MatchString(line.Text) {
				w.sayReady()
			}
		}
	}
	var messages func(string)
	if w.command.Ready.notify || w.command.Live.Probe.notify {
		messages = w.hearWith(ctx)
	}
	process, err := w.command.start(ctx, lines, messages)
	if err != nil {
		return err
	}
	w.process = process
	if w.command.Ready.done {
		return w.awaitEnd(ctx)
	}
	return w.command.Ready.await(ctx, process, w.said, w.command.ReadyWithin)
}

func (w *Worker) sayReady() {
	if w.ready.CompareAndSwap(false, true) {
		close(w.said)
	}
}

// hear is told what the process says on its descriptor.
func (w *Worker) hear(message string) {
	switch message {
	case NotifyReady:
		w.sayReady()
	case NotifyAlive:
		leave(w.alive)
	case notifyTrigger:
		leave(w.unwell)
	}
}

// hearWith is hear, and feeds the watchdog of the incarnation that ctx belongs to.
func (w *Worker) hearWith(ctx context.Context) func(message string) {
	return func(message string) {
		w.hear(message)
		if message == NotifyAlive {
			sup.Beat(ctx)
		}
	}
}

// leave leaves a message in a channel that has room for one.
func leave(message chan<- struct{}) {
	select {
	case message <- struct{}{}:
	default:
	}
}

var (
	errNotInitialized = errors.New("proc: the worker has no process: call Initialize before Run")
	errTriggered      = errors.New("the process has sent " + notifyTrigger)
)

// Run waits for the end of the process, and returns what Normal makes of it: by
// default nil for exit code 0, and an [ExitError] otherwise. It ends before the
// process with the cause of ctx; an [UnhealthyError]; or a sup.PanicError out of
// the Logger, Level, Watch or the liveness probe. With [ReadyDone] the process has
// ended before, and Run waits for the end of ctx.
func (w *Worker) Run(ctx context.Context) error {
	if w.process == nil {
		return errNotInitialized
	}
	if w.command.Ready.done {
		return w.remain(ctx)
	}
	watching, stop := context.WithCancel(ctx)
	unhealthy := make(chan error, 1)
	defer stop()
	if w.command.Live.asked() { // Terminate waits for it, when the process is dead whatever it does
		w.watch.Go(func() {
			contain(unhealthy, func() error { return w.command.Live.watch(watching, w.process, w.alive) })
		})
	}
	select {
	case <-w.process.Done():
		return w.judge(w.process.exit)
	case <-ctx.Done():
		if exit, ended := w.process.Exit(); ended {
			return w.judge(exit)
		}
		return context.Cause(ctx)
	case err := <-unhealthy:
		return err
	case <-w.unwell:
		return &UnhealthyError{Path: w.command.Path, Failures: 1, Err: errTriggered}
	case err := <-w.process.failed:
		return err
	}
}

func (w *Worker) judge(exit Exit) error {
	if w.command.Normal != nil {
		return w.command.Normal(exit)
	}
	return exit.Err()
}

// flushTime is how long a slow log may hold up the end of a worker.
const flushTime = time.Second

// Terminate stops the process, if it has not ended: it gets the StopSignal, and
// is killed when a tenth of the time that the child has for stopping is left (at
// least 250 ms, at most a second, and never more than half of it). Then the log
// may catch up, for a second at most.
//
// An end that was asked for is a good one if the process died of the
// StopSignal, or exited with code 0 or, as shells do, with 128 plus the number
// of the signal, or if it is a Normal one. All else is returned as an
// [ExitError], also that it had to be killed, but not if the child has no time
// for stopping. So is that it could not be killed, see [Exit].Unkilled.
func (w *Worker) Terminate(ctx context.Context, exit sup.Exit) error {
	if w.process == nil {
		return nil
	}
	defer w.flush(ctx)
	defer w.watch.Wait()
	grace := graceUntil(ctx)
	how := w.process.Stop(context.Background(), grace)
	if how.Unkilled != nil {
		return &ExitError{how}
	}
	killedAtOnce := how.Killed && (grace <= 0 || !canAsk)
	if exit.Kind != sup.ExitShutdown || killedAtOnce || !how.Killed && w.stopped(how) {
		return nil
	}
	return &ExitError{how}
}

// graceUntil is how long a process may take to stop that must be gone when ctx
// ends.
func graceUntil(ctx context.Context) time.Duration {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return math.MaxInt64
	}
	left := time.Until(deadline)
	kept := max(left/10, 250*time.Millisecond)
	return left - min(kept, time.Second, left/2)
}

// stopped reports whether an exit is one that was to be expected.
func (w *Worker) stopped(exit Exit) bool {
	if exit.Err() == nil || exit.Signal == w.process.ask || exit.Code == 128+int(w.process.ask) {
		return true
	}
	judged := w.judge(exit)
	return judged == nil || errors.Is(judged, sup.ErrShutdown)
}

func (w *Worker) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTime)
	defer cancel()
	_ = w.process.Flush(ctx) // what is left out is counted
}

// The interfaces that a supervisor looks for.
var (
	_ sup.Initializer = (*Worker)(nil)
	_ sup.Terminator  = (*Worker)(nil)
)
