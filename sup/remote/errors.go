package remote

import (
	"errors"
	"fmt"

	"github.com/espalier-go/espalier/internal/prefix"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote/internal/wire"
)

// What goes wrong between a client and a server, besides the errors of package
// sup, which come through as they are.
var (
	// ErrConfig: the configuration has faults, all of which the error lists.
	ErrConfig = errors.New("the configuration has faults")
	// ErrInUse: another server listens on the socket.
	ErrInUse = errors.New("another server listens there")
	// ErrUnreachable: there is no server at the address, or the connection was
	// lost. Of a call that changes something it is not known then whether it was
	// carried out.
	ErrUnreachable = errors.New("the control server cannot be reached")
	// ErrUntrusted is returned when the client does not trust the certificate of the
	// server, or the user that the server of a unix socket runs as.
	ErrUntrusted = errors.New("the control server is not trusted")
	// ErrDenied: the server does not know the client, or the client's role does
	// not allow the call; or the system does not let the client connect to the
	// socket, and then it wraps fs.ErrPermission too.
	ErrDenied = errors.New("access denied")
	// ErrBusy is returned when the server has as many streams of events, or calls of
	// this client, or connections of viewers, as it allows. Nothing was carried out.
	ErrBusy = wire.ErrBusy
	// ErrNewProgram: the program that a stream of events was cut from was started
	// anew, and the numbers of its events begin again, at 1. It comes together with
	// a [sup.SkippedError], whose number is one of the program before.
	ErrNewProgram = errors.New("the program was started anew, and numbers its events from 1 again")
	// ErrProtocol: the other side is no control server, or one of a version that
	// is not understood, or a message is larger than allowed.
	ErrProtocol = errors.New("not understood")
	// ErrSelf: the child to stop, or to replace, is the server, or has it below
	// it. It could not be started again from outside, so it is left alone; the
	// whole tree can be shut down.
	ErrSelf = wire.ErrSelf
	// ErrEnding: the server was told to stop while the call went on. As the cause
	// of a [sup.StuckError] that [Client.Shutdown] returns, it tells that the
	// server is part of what shuts down, and what was left when its own turn
	// came.
	ErrEnding = wire.ErrEnding
)

// A newProgramError is a gap between the events of two programs.
type newProgramError struct{ gap *sup.SkippedError }

func (e *newProgramError) Error() string {
	return fmt.Sprintf("remote: %v: %s", ErrNewProgram, prefix.Cut(e.gap))
}

func (e *newProgramError) Unwrap() []error { return []error{ErrNewProgram, e.gap} }
