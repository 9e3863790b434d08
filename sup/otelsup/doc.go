// Package otelsup exports metrics and traces of supervision trees to OpenTelemetry.
//
// # Metrics
//
// [Metrics] registers an instrument for each figure of package figures. It has the
// name of the figure, such as "sup.restarts", and the attributes sup.supervisor,
// sup.child and sup.state. Each collection takes a snapshot of the tree.
//
// A tree that cannot be read does not fail the collection. Its sup.up, with the attribute
// sup.tree, is 0. Its sup.down.reason, with the attributes sup.tree and sup.reason, is 1
// for the reason: "timeout", "name taken" if another tree has its name, "host not found",
// "panic", an error of the system such as "connection refused", or "error". The
// error is logged with [slog.Default] when the reason changes.
//
// # Traces
//
// An [Observer] creates spans from events, with their times.
//
//	sup.start     from the beginning of an incarnation until it is ready or its start has failed
//	sup.stop      from the request to stop until the child has ended
//	sup.restart   from the exit of a child until it is ready again or at rest
//	sup.crash     an abnormal exit, without duration
//	sup.failure   the failure of a supervisor, without duration
//
// Starts and stops of children are below the start or stop of their supervisor. The
// starts of a restart are below the restart.
//
// Links lead from an effect to its cause, and so from an escalation to its first cause:
//
//   - from a restart to the crash of the child;
//   - in a round, from a restart and the stop before it to the crash that caused the round;
//   - from the failure of a supervisor to the last crash below it;
//   - from the crash of a supervisor, as a child, to its failure.
//
// Spans have the attributes sup.path, sup.incarnation, sup.delay (of a restart, in
// seconds), sup.host_exhausted (of a restart, if a start failed as [sup.Event] describes),
// sup.because (a path) and sup.exit. Unlike the attributes of metrics, they contain the
// keys of dynamic children. An error is the event "exception", with its stack. A stop that
// exceeds its timeout has the event "stuck".
package otelsup
