package wire

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"strconv"

	"github.com/espalier-go/espalier/sup"
)

// Package remote exports these errors under the same names.
var (
	ErrBusy   = errors.New("control server busy")
	ErrEnding = errors.New("control server ending")
	ErrSelf   = errors.New("control server or one of its ancestors, which could not be started again from outside")
)

// sentinels are the errors that have the same identity on both sides, with their names
// in messages.
var sentinels = []struct {
	name string
	err  error
}{
	{"sup.ErrShutdown", sup.ErrShutdown},
	{"sup.ErrIgnore", sup.ErrIgnore},
	{"sup.ErrAlreadyRunning", sup.ErrAlreadyRunning},
	{"sup.ErrAlreadyDeclared", sup.ErrAlreadyDeclared},
	{"sup.ErrNotFound", sup.ErrNotFound},
	{"sup.ErrRunning", sup.ErrRunning},
	{"sup.ErrRestarting", sup.ErrRestarting},
	{"sup.ErrMaxChildren", sup.ErrMaxChildren},
	{"sup.ErrNeeded", sup.ErrNeeded},
	{"sup.ErrKey", sup.ErrKey},
	{"sup.ErrStopped", sup.ErrStopped},
	{"sup.ErrQuarantined", sup.ErrQuarantined},
	{"sup.ErrWrongType", sup.ErrWrongType},
	{"sup.ErrShuttingDown", sup.ErrShuttingDown},
	{"sup.ErrNotRunning", sup.ErrNotRunning},
	{"sup.ErrNoSupervisor", sup.ErrNoSupervisor},
	{"sup.ErrNotKeyed", sup.ErrNotKeyed},
	{"sup.ErrIncarnation", sup.ErrIncarnation},
	{"sup.ErrSkipped", sup.ErrSkipped},
	{"sup.ErrNotSupervised", sup.ErrNotSupervised},
	{"sup.ErrSpec", sup.ErrSpec},
	{"sup.ErrStart", sup.ErrStart},
	{"sup.ErrStartTimeout", sup.ErrStartTimeout},
	{"sup.ErrIntensity", sup.ErrIntensity},
	{"sup.ErrStuck", sup.ErrStuck},
	{"sup.ErrPanic", sup.ErrPanic},
	{"sup.ErrGoexit", sup.ErrGoexit},
	{"sup.ErrUnhealthy", sup.ErrUnhealthy},
	{"remote.ErrBusy", ErrBusy},
	{"remote.ErrEnding", ErrEnding},
	{"remote.ErrSelf", ErrSelf},
	{"context.Canceled", context.Canceled},
	{"context.DeadlineExceeded", context.DeadlineExceeded},
	{"io.EOF", io.EOF},
	{"io.ErrUnexpectedEOF", io.ErrUnexpectedEOF},
	{"io.ErrClosedPipe", io.ErrClosedPipe},
	{"fs.ErrNotExist", fs.ErrNotExist},
	{"fs.ErrExist", fs.ErrExist},
	{"fs.ErrPermission", fs.ErrPermission},
	{"fs.ErrClosed", fs.ErrClosed},
	{"net.ErrClosed", net.ErrClosed},
	{"os.ErrDeadlineExceeded", os.ErrDeadlineExceeded},
	{"errors.ErrUnsupported", errors.ErrUnsupported},
	{"strconv.ErrSyntax", strconv.ErrSyntax},
	{"strconv.ErrRange", strconv.ErrRange},
}

// sentinelName returns the name of a sentinel, or "" for another error. The comparison
// cannot panic, since all sentinels have comparable types.
func sentinelName(err error) string {
	for _, s := range sentinels {
		if s.err == err {
			return s.name
		}
	}
	return ""
}

// sentinelByName returns the sentinel with a name, or nil.
func sentinelByName(name string) error {
	for _, s := range sentinels {
		if s.name == name {
			return s.err
		}
	}
	return nil
}
