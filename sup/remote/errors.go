package remote

import (
	"errors"
	"fmt"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote/internal/wire"
)

// Errors between a client and a server. Errors of package sup pass through
// unchanged.
var (
	// ErrConfig is returned when a [Config], a [Dialer] or an address is invalid. The
	// error lists all problems.
	ErrConfig = errors.New("invalid configuration")
	// ErrInUse is returned when another server listens on the socket.
	ErrInUse = errors.New("socket in use by another server")
	// ErrUnreachable is returned when no server answers at the address, or the
	// connection was lost. A call that changes the tree may have been executed.
	ErrUnreachable = errors.New("control server not reachable")
	// ErrUntrusted is returned when the client does not trust the certificate or the
	// user of the server. Nothing was sent.
	ErrUntrusted = errors.New("control server not trusted")
	// ErrDenied is returned when the client has no grant, or its role does not permit
	// the call. It is also returned when the system does not permit the client to open
	// the socket. The error then wraps fs.ErrPermission too.
	ErrDenied = errors.New("access denied")
	// ErrBusy is returned when a limit of the server is reached: streams of events,
	// calls of this client, or connections of viewers. Nothing was executed.
	ErrBusy = wire.ErrBusy
	// ErrNewProgram is returned when an event stream resumes in a program that was
	// restarted. Event numbers begin at 1 again. The error also wraps a
	// [sup.SkippedError], whose number is one of the previous program.
	ErrNewProgram = errors.New("program restarted, event numbers begin at 1 again")
	// ErrProtocol is returned when the other side is not a compatible control server,
	// or a message is too large.
	ErrProtocol = errors.New("protocol error")
	// ErrSelf is returned when the child to stop or to replace is the server itself or
	// one of its ancestors. It could not be started again from outside. Shutting down
	// the whole tree is permitted.
	ErrSelf = wire.ErrSelf
	// ErrEnding is returned when the server was asked to stop during the call. A
	// [sup.StuckError] of [Client.Shutdown] wraps it if the server is part of the tree
	// that shuts down. The StuckError then lists what was left when the server stopped.
	ErrEnding = wire.ErrEnding
)

// A newProgramError reports the gap between the events of two programs.
type newProgramError struct{ gap *sup.SkippedError }

func (e *newProgramError) Error() string {
	return fmt.Sprintf("%v: events after number %d of the previous program skipped", ErrNewProgram, e.gap.After)
}

func (e *newProgramError) Unwrap() []error { return []error{ErrNewProgram, e.gap} }
