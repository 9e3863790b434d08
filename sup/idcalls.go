package sup

import "context"

// idCalls are an operator's calls on children by their ids. They belong to
// supervisors whose children have ids and are declared one by one: [Supervisor],
// [Stateful] and [Tree]. Those of a [Keyed] and a [Replicas] take a key and an index.
type idCalls struct{ supervision }

// TerminateChild stops a child and keeps it declared; a temporary one is removed.
// The child stays stopped until RestartChild, and rounds leave it alone. A pending
// restart is called off. TerminateChild returns nil when the child has stopped, or if
// it had stopped before.
//
// Errors, in a [CallError]: [ErrNotFound]; [ErrNotRunning] and [ErrShuttingDown]; a
// [StuckError] if the child has not stopped within its time, also if its spec says to
// abandon it or to escalate; the cause of ctx if ctx ends first. In the last two cases
// the child stops later, without another call. If it is a supervisor, the error is a
// StuckError in both, and names what holds the supervisor up.
func (f *idCalls) TerminateChild(ctx context.Context, id string) error {
	life := f.current()
	return callError("terminate", f.pathOf(id), life.terminate(ctx, life.find(id), 0, false))
}

// RestartChild starts a child that is stopped or quarantined, in its old place, and
// returns when it is ready. The child's budget and backoff start over. If it does not
// get ready, it is stopped as before. A start function that returns [ErrIgnore]
// leaves it stopped too, and is no error. For a child that is up, see
// [Controller.Replace].
//
// Errors, in a [CallError]: [ErrRunning]; [ErrRestarting]; [ErrNotFound];
// [ErrNotRunning] and [ErrShuttingDown]; a [StartError].
func (f *idCalls) RestartChild(ctx context.Context, id string) error {
	life := f.current()
	return callError("restart", f.pathOf(id), life.restart(ctx, life.find(id), 0))
}

// DeleteChild removes a child that is stopped or quarantined. It waits for nothing.
//
// Errors, in a [CallError]: [ErrRunning]; [ErrRestarting]; [ErrNotFound];
// [ErrNotRunning] and [ErrShuttingDown]; the cause of ctx if ctx has ended.
func (f *idCalls) DeleteChild(ctx context.Context, id string) error {
	life := f.current()
	return callError("delete", f.pathOf(id), life.delete(ctx, life.find(id), 0))
}
