// Package espalier is the root of a module for programs that have to stay up. It
// contains no code.
//
// The module provides supervision trees with the semantics of Erlang/OTP, declared in Go
// types. An espalier is a tree grown along a declared frame. If a branch is cut, it grows
// back.
//
// Start with package sup, whose comment lists the guarantees. The directory docs has guides,
// and SEMANTICS.md is the full contract. The packages are:
//
//   - sup: supervisors, workers, typed handles and events.
//   - sup/suptest: tests of trees in virtual time, with faults and expected events.
//   - sup/flight: the flight recorder, which writes what led to an incident to a file.
//   - sup/replay: tests made of flight records and written scenarios.
//   - sup/figures: figures of a tree for monitoring. sup/promsup exports them to
//     Prometheus, and sup/otelsup exports them, with traces, to OpenTelemetry.
//   - sup/debug: a live page of a tree over HTTP.
//   - sup/mailbox: typed messages between workers, which survive restarts, with replies.
//   - sup/httpsup: an HTTP server as a worker.
//   - sup/proc: operating system processes as workers.
//   - sup/systemd: a program as a systemd service, with readiness, watchdog, stop and
//     sockets.
//   - sup/plugin: typed plugins that are processes, which can be called, replaced while
//     in use, and loaded from a directory. It is a module of its own.
//   - sup/remote and cmd/supctl: access to a tree from other programs, a command line,
//     gRPC or curl. They are modules of their own.
//   - kv: typed state that workers share and that survives their restarts, and with
//     kv.Stored the end of the process.
//   - store: what keeps state for longer than a process. store/bolt is one in a file, and
//     a module of its own.
//   - gen and cmd/supgen: a generator of trees from struct tags.
//   - examples: complete programs.
package espalier
