package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitNotFound    = 3
	exitRefused     = 4
	exitUnreachable = 5
	exitDenied      = 6
	exitTimeout     = 7
	exitDegraded    = 8
	exitNotStarted  = 9
)

func exitCodesTopic() *cobra.Command {
	return &cobra.Command{
		Use:   "exit-codes",
		Short: "Exit codes for scripts",
		Long: `The exit codes are:

  0  success
  1  any other error
  2  wrong command line
  3  no such child
  4  not permitted in the state of the child: running, restarting, another
     incarnation than --incarnation, key in use or invalid, not a supervisor, or
     the control server itself
  5  server not reachable
  6  access denied, or certificate or user of the server not trusted
  7  timeout, or a child that does not stop
  8  status --check found a problem
  9  the child did not start`,
	}
}

// codes maps errors to exit codes. The first entry that an error wraps applies.
var codes = []struct {
	err  error
	code int
}{
	{errUsage, exitUsage},
	{errDegraded, exitDegraded},
	{remote.ErrUnreachable, exitUnreachable},
	{remote.ErrEnding, exitUnreachable},
	{remote.ErrDenied, exitDenied},
	{remote.ErrUntrusted, exitDenied},
	{sup.ErrStart, exitNotStarted}, // before the errors that it may wrap
	{sup.ErrStuck, exitTimeout},
	{sup.ErrNotFound, exitNotFound},
	{remote.ErrSelf, exitRefused},
	{sup.ErrIncarnation, exitRefused},
	{sup.ErrRunning, exitRefused},
	{sup.ErrRestarting, exitRefused},
	{sup.ErrStopped, exitRefused},
	{sup.ErrAlreadyRunning, exitRefused},
	{sup.ErrAlreadyDeclared, exitRefused},
	{sup.ErrMaxChildren, exitRefused},
	{sup.ErrNeeded, exitRefused},
	{sup.ErrKey, exitRefused},
	{sup.ErrNotKeyed, exitRefused},
	{sup.ErrNoSupervisor, exitRefused},
	{sup.ErrNotRunning, exitRefused},
	{context.DeadlineExceeded, exitTimeout},
}

func exitCode(err error) int {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return exitFailed
}
