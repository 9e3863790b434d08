package sup

import "context"

// idCalls provides the operator calls that name a child by its id. [Supervisor],
// [Stateful] and [Tree] embed it. The calls of a [Keyed] take a key instead, and those of a
// [Replicas] an index.
type idCalls struct{ supervision }

// TerminateChild stops the child with the given id and keeps it declared. It returns nil
// when the child has stopped, or if the child was stopped already. The child then stays
// stopped, in rounds too, until [Supervisor.RestartChild]. A pending restart is cancelled.
// A temporary child is removed.
//
// Errors, in a [CallError]:
//
//   - [ErrNotFound] if no child has the id;
//   - [ErrNotRunning] or [ErrShuttingDown] if the supervisor is not running;
//   - a [StuckError] if the child did not stop within its time, whatever its
//     [WhenStuck] says;
//   - the cause of ctx if ctx ends first. If the child is a supervisor, the error is
//     instead a StuckError that lists the descendants that have not stopped.
//
// After a StuckError or the end of ctx, the stop goes on without another call.
func (f *idCalls) TerminateChild(ctx context.Context, id string) error {
	life := f.current()
	return callError("terminate", f.pathOf(id), life.terminate(ctx, life.find(id), 0, false))
}

// RestartChild starts a stopped or quarantined child, in its old place in the order, and
// returns when it is ready. ctx bounds that wait. The child's budget and backoff start
// over. To restart a child that runs, use [Controller.Replace].
//
// If the child does not become ready, it is stopped as before. If its start function
// returns [ErrIgnore], it stays stopped, and RestartChild returns nil.
//
// Errors, in a [CallError]: [ErrNotFound] if no child has the id; [ErrRunning] or
// [ErrRestarting] if the child is not at rest; a [StartError] if it did not become ready;
// [ErrNotRunning] or [ErrShuttingDown] if the supervisor is not running.
func (f *idCalls) RestartChild(ctx context.Context, id string) error {
	life := f.current()
	return callError("restart", f.pathOf(id), life.restart(ctx, life.find(id), 0))
}

// DeleteChild removes the declaration of a stopped or quarantined child. It does not wait.
//
// Errors, in a [CallError]: [ErrNotFound] if no child has the id; [ErrRunning] or
// [ErrRestarting] if the child is not at rest; the cause of ctx if ctx has ended;
// [ErrNotRunning] or [ErrShuttingDown] if the supervisor is not running.
func (f *idCalls) DeleteChild(ctx context.Context, id string) error {
	life := f.current()
	return callError("delete", f.pathOf(id), life.delete(ctx, life.find(id), 0))
}
