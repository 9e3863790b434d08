package proc

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A Worker is one incarnation of a supervised process. [Command.Worker] creates it.
//
// It is a sup.Worker that starts the process and waits for its readiness in
// Initialize, watches it in Run, and stops it in Terminate.
type Worker struct {
	command   Command
	process   *Process       // nil before Initialize
	ready     chan struct{}  // closed by setReady
	setReady  func()         // called when a line or a message says so
	beats     chan struct{}  // buffered; has a value after NotifyAlive
	triggered chan struct{}  // buffered; has a value after notifyTrigger
	probing   sync.WaitGroup // the goroutine of the liveness probe
}

// The interfaces that a supervisor looks for.
var (
	_ sup.Initializer = (*Worker)(nil)
	_ sup.Terminator  = (*Worker)(nil)
)

// Worker is the start function of a child:
//
//	sup.ChildSpec[*proc.Worker]{ID: "db", Start: command.Worker}
//
// It starts no process yet. It returns the error of [Command.Validate].
func (c Command) Worker(context.Context) (*Worker, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return &Worker{command: c}, nil
}

// Process returns the process, or nil before the start. The worker that a handle
// returns always has a process.
func (w *Worker) Process() *Process { return w.process }

// Initialize starts the process, and returns when it is ready.
//
// Errors: those of [Command.Start]; a [NotReadyError] if the process ends or
// ReadyWithin runs out before the process is ready; an error that wraps the cause
// of ctx.
func (w *Worker) Initialize(ctx context.Context) error {
	ready := make(chan struct{})
	w.ready, w.setReady = ready, sync.OnceFunc(func() { close(ready) })
	w.beats, w.triggered = make(chan struct{}, 1), make(chan struct{}, 1)
	var onLine func(Line)
	if pattern := w.command.Ready.pattern; pattern != nil {
		onLine = func(line Line) {
			if !isClosed(ready) && pattern.MatchString(line.Text) {
				w.setReady()
			}
		}
	}
	var onMessage func(string)
	if w.command.Ready.notify || w.command.Live.Probe.notify {
		onMessage = func(message string) { w.handleMessage(ctx, message) }
	}
	process, err := w.command.start(ctx, onLine, onMessage)
	if err != nil {
		return err
	}
	w.process = process
	return w.awaitReady(ctx)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// handleMessage handles a notification message. ctx is the context of the
// incarnation, whose watchdog it resets.
func (w *Worker) handleMessage(ctx context.Context, message string) {
	switch message {
	case NotifyReady:
		w.setReady()
	case NotifyAlive:
		trySend(w.beats, struct{}{})
		sup.Beat(ctx)
	case notifyTrigger:
		trySend(w.triggered, struct{}{})
	}
}

var (
	errNotInitialized = errors.New("worker without a process: call Initialize before Run")
	errTriggered      = errors.New("message " + notifyTrigger + " from the process")
)

// Run waits for the end of the process, and returns what Normal returns for its
// exit: by default nil for exit code 0, and an [ExitError] otherwise.
//
// Run returns before the end of the process with the cause of ctx, an
// [UnhealthyError], or a sup.PanicError from Logger, Level, Watch or the liveness
// probe. With [ReadyDone] the process has ended already, and Run waits for ctx.
func (w *Worker) Run(ctx context.Context) error {
	if w.process == nil {
		return errNotInitialized
	}
	if w.command.Ready.done {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case err := <-w.process.callbackErr: // the log may be behind
			return err
		}
	}
	watching, stop := context.WithCancel(ctx)
	unhealthy := make(chan error, 1)
	defer stop()
	if w.command.Live.isSet() {
		// Terminate waits for the probe after it has stopped the process, so a probe
		// that ignores its context does not save the process.
		w.probing.Go(func() {
			recoverTo(unhealthy, func() error { return w.command.Live.monitor(watching, w.process, w.beats) })
		})
	}
	select {
	case <-w.process.Done():
		return w.result(w.process.exit)
	case <-ctx.Done():
		if exit, ended := w.process.Exit(); ended {
			return w.result(exit)
		}
		return context.Cause(ctx)
	case err := <-unhealthy:
		return err
	case <-w.triggered:
		return &UnhealthyError{Path: w.process.cmd.Path, Failures: 1, Err: errTriggered}
	case err := <-w.process.callbackErr:
		return err
	}
}

// result returns the error of Run for an exit.
func (w *Worker) result(exit Exit) error {
	if w.command.Normal != nil {
		return w.command.Normal(exit)
	}
	return exit.Err()
}

// isOrderly reports whether a result is a normal or an orderly exit.
func isOrderly(result error) bool { return result == nil || errors.Is(result, sup.ErrShutdown) }

// flushTimeout is how long a slow log may delay the end of a worker.
const flushTimeout = time.Second

// Terminate stops the process, if it still runs, and lets the log catch up for at
// most a second.
//
// The process gets the StopSignal. It is killed when a tenth of the shutdown
// timeout of the child is left: at least 250 ms and at most a second, but never
// more than half of the timeout.
//
// The exit of a stopped process is orderly if the process died of the StopSignal,
// exited with code 0 or, as shells do, with 128 plus the number of the signal, or
// if Normal accepts the exit. Terminate returns an [ExitError] for any other exit, and
// for a process that it had to kill, unless Shutdown is sup.Brutal. It also returns one
// if the process could not be killed, see [Exit].Unkilled.
func (w *Worker) Terminate(ctx context.Context, exit sup.Exit) error {
	if w.process == nil {
		return nil
	}
	defer w.flush(ctx)
	defer w.probing.Wait()
	grace := gracePeriod(ctx)
	stopped := w.process.Stop(context.Background(), grace)
	if stopped.Unkilled != nil {
		return &ExitError{stopped}
	}
	killedAtOnce := stopped.Killed && (grace <= 0 || !hasSignals)
	if exit.Kind != sup.ExitShutdown || killedAtOnce || !stopped.Killed && w.isExpected(stopped) {
		return nil
	}
	return &ExitError{stopped}
}

// gracePeriod returns how long a process may take to stop before it is killed, so
// that it has ended when ctx does.
func gracePeriod(ctx context.Context) time.Duration {
	deadline, bounded := ctx.Deadline()
	if !bounded {
		return math.MaxInt64
	}
	left := time.Until(deadline)
	reserve := max(left/10, 250*time.Millisecond)
	return left - min(reserve, time.Second, left/2)
}

// isExpected reports whether an exit is orderly after the StopSignal.
func (w *Worker) isExpected(exit Exit) bool {
	signal := w.process.stopSignal
	return exit.Err() == nil || exit.Signal == signal || exit.Code == 128+int(signal) || isOrderly(w.result(exit))
}

func (w *Worker) flush(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	_ = w.process.Flush(ctx) // dropped lines are counted
}
