// Package espalier is the root of a library for programs that have to stay up:
// supervision trees with the semantics of Erlang/OTP, whose shape is declared
// in Go types. An espalier is a tree grown along a declared frame; cut a
// branch, and it grows back.
//
// The packages, from the one to open first:
//
//   - sup: supervisors, workers, typed handles, events. Its package comment says
//     what is guaranteed.
//   - sup/suptest: for tests of one's own trees, in virtual time.
//   - sup/flight: the flight recorder: what led to an incident, in a file.
//   - sup/figures: what monitoring wants to know of a tree; sup/promsup and
//     sup/otelsup (traces too) tell it to Prometheus and OpenTelemetry.
//   - sup/debug: a live page of a tree, for people, over HTTP.
//   - sup/mailbox: typed messages to workers that outlive them, request and reply.
//   - sup/proc: operating system processes as workers.
//   - sup/systemd: the program as a service of systemd: ready, alive, stopping, and
//     its sockets.
//   - sup/plugin: typed plugins, which are processes, called, replaced in place,
//     and kept by directory; a module of its own.
//   - sup/remote and cmd/supctl: a tree watched and operated from outside, by Go
//     programs, a command, gRPC or curl; modules of their own.
//   - kv: Context, typed state that workers share and that outlives them.
//   - gen and cmd/supgen: the generator that reads a struct whose tags declare
//     a tree, and writes its builder.
//   - examples: complete programs.
//
// This package itself holds nothing.
package espalier
