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
		Short: "What the exit codes mean, for scripts",
		Long: `The exit codes are:

  0  done
  1  anything that is not below
  2  the command line is wrong
  3  there is no such child
  4  the state of the child does not allow it: it is running, it is being
     restarted, it is another incarnation than --incarnation says, the key is
     taken or none, it is no supervisor, it is the control server itself
  5  the server cannot be reached
  6  the server does not let you in, or its certificate or its user is not
     trusted
  7  it was not done in time, or a child does not stop
  8  status --check: something in the tree is not as it should be
  9  the child did not start`,
	}
}

// codes says which exit code the error of a call leads to: that of the first
// that it wraps.
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
	{sup.ErrStart, exitNotStarted}, // whatever it wraps
	{sup.ErrIgnore, exitNotStarted},
	{sup.ErrStuck, exitTimeout},
	{sup.ErrNotFound, exitNotFound},
	{remote.ErrSelf, exitRefused},
	{sup.ErrIncarnation, exitRefused},
	{sup.ErrRunning, exitRefused},
	{sup.ErrRestarting, exitRefused},
	{sup.ErrAlreadyRunning, exitRefused},
	{sup.ErrAlreadyDeclared, exitRefused},
	{sup.ErrMaxChildren, exitRefused},
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
