// Package rpc carries the calls of an interface between a host and a plugin. A call is
// encoded once. It goes over gRPC to a process, or over channels to an implementation in
// the same process. The code that supgen writes describes the interface in a
// [Definition].
//
// A call without streams and callbacks is one request and one response. Any other call
// is a [session]: a sequence of frames in both directions, in which streams and callbacks
// have numbers.
package rpc
