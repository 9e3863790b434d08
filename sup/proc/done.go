package proc

import (
	"context"
	"errors"

	"github.com/espalier-go/espalier/sup"
)

// ReadyDone: the process is ready when it has ended well, as a migration does
// that comes before a service. Exit code 0 is a good end, and whatever Normal
// says is a normal or an orderly one; any other is a failed start.
//
// The child then stays up without a process until it is stopped, so that a
// permanent one is not restarted because it is done. It runs the process again
// when it is restarted: by an operator, or in a round, such as that of
// sup.OneForAll when the service fails. Its [Worker.Process] has the exit and the
// last lines of output. A child like that can have no watchdog, and ReadyWithin
// or its StartTimeout bound the time that the process may take.
func ReadyDone() Readiness { return Readiness{what: "its end", done: true} }

// awaitEnd waits until the process has ended well.
func (w *Worker) awaitEnd(ctx context.Context) error {
	waiting := ctx
	if within := w.command.ReadyWithin; within > 0 {
		var end func()
		waiting, end = withLimit(ctx, within, errLate)
		defer end()
	}
	failed := &NotReadyError{Path: w.command.Path, For: w.command.Ready.what}
	select {
	case <-w.process.Done():
		if failed.Err = w.judge(w.process.exit); failed.Err == nil || errors.Is(failed.Err, sup.ErrShutdown) {
			return nil
		}
	case err := <-w.process.failed:
		return err
	case <-waiting.Done():
		cause := context.Cause(waiting)
		if cause != errLate {
			return cause
		}
		failed.After = w.command.ReadyWithin
	}
	failed.Lines, failed.Status = w.process.Tail(), w.process.Status()
	return failed
}

// remain is the Run of a worker whose process has ended well.
func (w *Worker) remain(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case err := <-w.process.failed: // the log may be late
		return err
	}
}
