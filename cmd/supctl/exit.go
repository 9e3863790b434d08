package main

import (
	"context"
	"errors"
	"strings"

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
  6  the server does not let you in, or its certificate is not trusted
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

// hint says what to do next about an error.
func (s *session) hint(err error) string {
	path, adding := "PATH", false
	if call, ok := errors.AsType[*sup.CallError](err); ok && call.Path != "" {
		path, adding = quoted(call.Path), call.Op == "start child"
	}
	switch {
	case errors.Is(err, errUsage):
		return "for what there is: supctl help"
	case errors.Is(err, remote.ErrUnreachable):
		return "is the program running, and is its control server at " + s.address + "?"
	case errors.Is(err, remote.ErrUntrusted):
		return "if the authority that has signed it is your own, name it: --ca FILE"
	case errors.Is(err, remote.ErrDenied) && strings.HasPrefix(s.address, "unix:"):
		return "run supctl as the user that the program runs as, or as root"
	case errors.Is(err, remote.ErrDenied):
		return "show who you are: --cert FILE --key FILE, or --token-file FILE"
	case errors.Is(err, remote.ErrEnding):
		return "the control server is part of what shuts down, which goes on; see the program's log"
	case errors.Is(err, remote.ErrSelf):
		return "what can be ended is the whole tree: supctl shutdown NAME"
	case errors.Is(err, sup.ErrStart) && adding:
		return "nothing of it is left: see to the cause, then start it again"
	case errors.Is(err, sup.ErrStart):
		return "it is stopped as before: see to the cause, then: supctl restart " + path
	case errors.Is(err, sup.ErrStuck):
		if stuck, ok := errors.AsType[*sup.StuckError](err); ok && len(stuck.Children) > 0 {
			path = quoted(stuck.Children[0].Path)
		}
		return "where it hangs: supctl stacks " + path
	case errors.Is(err, sup.ErrAlreadyRunning):
		return "see how it is: supctl status " + path
	case errors.Is(err, sup.ErrAlreadyDeclared):
		return "start it again: supctl restart " + path
	case errors.Is(err, sup.ErrRunning):
		return "stop it first: supctl terminate " + path
	case errors.Is(err, sup.ErrRestarting):
		return "wait for it, or call the restart off: supctl terminate " + path
	case errors.Is(err, sup.ErrIncarnation):
		return "look again: supctl status " + path
	case errors.Is(err, sup.ErrKey), errors.Is(err, sup.ErrNotKeyed):
		return "a set that takes keys has \"Set\":\"keyed\" in: supctl -o json tree"
	case errors.Is(err, sup.ErrNotFound), errors.Is(err, sup.ErrNoSupervisor):
		return "for what there is: supctl tree"
	case errors.Is(err, context.DeadlineExceeded):
		return "give it more time: --timeout 5m"
	}
	return ""
}
