package proc

import (
	"context"
	"errors"

	"github.com/espalier-go/espalier/sup"
)

// ReadyDone: the process is ready when it has ended well, as a migration does
// that comes before a service. Exit code 0 is a good end, and so is an exit that
// Normal calls normal or orderly. Any other exit is a failed start.
//
// The child then stays up without a process until it is stopped, as a systemd
// unit of Type=oneshot does with RemainAfterExit. So a permanent child is not
// restarted because its process is done. The process runs again when the child is
// restarted, by an operator or in a round, such as that of sup.OneForAll after a
// failure of the service. [Worker.Process] has the exit and the last lines of
// output.
//
// Neither Live nor ChildSpec.Watchdog can be used with it. ReadyWithin or the
// StartTimeout of the child bound the run of the process.
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
