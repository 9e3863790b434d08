// Package otelsup tells OpenTelemetry about supervision trees: figures, and a
// trace for each start, stop and restart.
//
// # Metrics
//
// [Metrics] registers an instrument for each figure of package figures, under its
// name there ("sup.restarts"), with the attributes sup.supervisor, sup.child and
// sup.state. They are observed from a snapshot at each collection.
//
// A tree that cannot be read does not fail the collection. Its sup.up, with the attribute
// sup.tree, is 0, and its sup.down.reason, with the attributes sup.tree and sup.reason,
// is 1 for the reason: "timeout", "name taken" if another tree has its name, "host not
// found", "panic", a reason of the system such as "connection refused", or "error". The
// whole text is logged with [slog.Default] when the reason changes.
//
// # Traces
//
// An [Observer] makes spans of events. Their times are those of the events.
//
//	sup.start     from the beginning of an incarnation until it is ready, or its start has failed; those of the children of a supervisor are below its own
//	sup.stop      from the request to stop until the child has ended; likewise
//	sup.restart   from the exit of a child until it is ready again, or is at rest; the attempts to start it are below
//	sup.crash     an abnormal exit, which takes no time
//	sup.failure   a supervisor that fails, which takes none either
//
// They are linked to what caused them:
//
//   - a restart to the crash of the child; in a round, that and the stop that came
//     before to the crash of the child whose failure led to the round;
//   - the failure of a supervisor to the last crash below it, and the crash that
//     it is to its parent to that failure: so one gets from an escalation down to
//     its first cause.
//
// The attributes are sup.path, sup.incarnation, sup.delay (of a restart, in
// seconds), sup.because (a path), sup.exit; an error is recorded as the event
// "exception", with its stack. A stop that takes too long has the event "stuck".
// Unlike those of metrics, attributes of spans name keys.
package otelsup
