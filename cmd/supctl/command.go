package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// A session is one run of the program: what its flags say, and the client that
// they lead to.
type session struct {
	address, output          string
	ca, cert, key, tokenFile string
	serverUser               string
	timeout, patience        time.Duration
	patienceSet              func() bool // --patience was given

	stderr io.Writer
	client *remote.Client
}

// errUsage: the command line is wrong.
var errUsage = errors.New("usage")

// A usageError is an errUsage that says only what is wrong.
type usageError struct{ error }

func (e usageError) Unwrap() []error { return []error{errUsage, e.error} }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func (s *session) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "supctl",
		Short:         "Look into a supervision tree of another program, and change it",
		Long:          longHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("there is no command %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	f := root.PersistentFlags()
	f.StringVarP(&s.address, "address", "a", os.Getenv("SUPCTL_ADDRESS"), "`address` of the control server: unix:PATH or host:port; or set SUPCTL_ADDRESS")
	f.StringVarP(&s.output, "output", "o", "text", "`format` of the output: text or json")
	f.StringVar(&s.ca, "ca", os.Getenv("SUPCTL_CA"), "`file` with the authority that has signed the server's certificate; or set SUPCTL_CA")
	f.StringVar(&s.cert, "cert", os.Getenv("SUPCTL_CERT"), "`file` with a certificate to show; or set SUPCTL_CERT")
	f.StringVar(&s.key, "key", os.Getenv("SUPCTL_KEY"), "`file` with its key; or set SUPCTL_KEY")
	f.StringVar(&s.tokenFile, "token-file", os.Getenv("SUPCTL_TOKEN_FILE"), "`file` with a bearer token to send; or set SUPCTL_TOKEN_FILE")
	f.StringVar(&s.serverUser, "server-user", os.Getenv("SUPCTL_SERVER_USER"), "`user` that the server of a unix socket runs as, where other users can put sockets too; or set SUPCTL_SERVER_USER")
	f.DurationVar(&s.timeout, "timeout", remote.DefaultTimeout, "how long a call may take; 0 for as long as the server lets it")
	f.DurationVar(&s.patience, "patience", 0, "how long to wait for a server that is not there; 0 for not at all")
	s.patienceSet = func() bool { return f.Changed("patience") }
	root.AddCommand(
		s.treeCommand(), s.topCommand(), s.childrenCommand(), s.statusCommand(), s.stacksCommand(), s.eventsCommand(), s.recordCommand(),
		s.startCommand(), s.terminateCommand(), s.restartCommand(), s.deleteCommand(), s.shutdownCommand(),
		exitCodesTopic(),
	)
	return root
}

const longHelp = `Supctl looks into a supervision tree of another program, and changes it.

The program has to have a control server (package sup/remote). A PATH is one
that "supctl tree" or an event shows, such as orders/feeds/ACME; without one, a
command is about the whole tree. In a name %2F is a slash, %25 a percent sign, and
%0A, say, a byte that is not to be printed: type it as it is shown.`

// unbounded is more time than anything takes. To a Dialer 0 is its default.
const noTimeout time.Duration = math.MaxInt64

// dial makes the client, from the flags.
func (s *session) dial() (*remote.Client, error) {
	if s.client != nil {
		return s.client, nil
	}
	if s.address == "" {
		return nil, usage("no address: use -a unix:PATH or -a host:port, or set SUPCTL_ADDRESS")
	}
	if strings.Contains(s.address, "/") && !strings.Contains(s.address, ":") {
		return nil, usage("-a %s: did you mean unix:%s?", s.address, s.address)
	}
	if s.output != "text" && s.output != "json" {
		return nil, usage("-o %s: use text or json", s.output)
	}
	if s.timeout < 0 {
		return nil, usage("--timeout %v: use 0 for no bound, or a time that is not negative", s.timeout)
	}
	if s.timeout == 0 {
		s.timeout = noTimeout
	}
	if s.patience < 0 {
		return nil, usage("--patience %v: use 0 for none, or a time that is not negative", s.patience)
	}
	if (s.cert == "") != (s.key == "") {
		return nil, usage("--cert and --key go together: give both")
	}
	d := remote.Dialer{
		Timeout:        s.timeout,
		Patience:       s.patience,
		StreamPatience: s.streamPatience(),
	}
	d.Logger = slog.New(&streamLog{s.stderr, d.StreamPatience})
	if s.ca != "" || s.cert != "" {
		config, err := remote.ClientTLS(s.ca, s.cert, s.key)
		if err != nil {
			return nil, usageError{err}
		}
		d.TLS = config
	}
	if s.serverUser != "" && strings.HasPrefix(s.address, "unix:") {
		uid, err := lookupUser(s.serverUser)
		if err != nil {
			return nil, err
		}
		d.ServerUsers = []uint32{uid}
	}
	if s.tokenFile != "" {
		token, err := os.ReadFile(s.tokenFile)
		if err != nil {
			return nil, usageError{err}
		}
		d.Token = strings.TrimSpace(string(token))
	}
	c, err := d.Dial(s.address)
	if err != nil {
		return nil, usageError{err}
	}
	s.client = c
	return c, nil
}

// lookupUser returns the id of a user with a name, or the number itself.
func lookupUser(name string) (uint32, error) {
	number := name
	if known, err := user.Lookup(name); err == nil {
		number = known.Uid
	}
	uid, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0, usage("--server-user %q: there is no such user", name)
	}
	return uint32(uid), nil
}

// defaultStreamPatience is enough for a program to be started anew.
const defaultStreamPatience = time.Minute

func (s *session) streamPatience() time.Duration {
	if s.patienceSet() {
		return max(s.patience, 1) // to a Dialer 0 is for ever
	}
	return defaultStreamPatience
}

func (s *session) close() {
	if s.client != nil {
		s.client.Close()
	}
}

// lookedAt returns the path that a command which only looks was given, if any. A
// slash at its end, which completion leaves there, is dropped, unless there is a
// child of an empty id. What changes something takes a path as it is.
func pathArgument(ctx context.Context, c sup.Inspector, args []string) string {
	if len(args) == 0 {
		return ""
	}
	path, slash := strings.CutSuffix(args[0], "/")
	if slash {
		if _, err := c.Child(ctx, args[0]); err == nil {
			return args[0]
		}
	}
	return path
}

// onePath is for the arguments of a command that takes PATH, or [PATH] if that
// may be left out.
func onePath(optional bool) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) > 1:
			return usage("%s takes one PATH, not %d", cmd.Name(), len(args))
		case len(args) == 0 && !optional, len(args) == 1 && args[0] == "":
			return usage("%s takes a PATH: see supctl tree", cmd.Name())
		}
		return nil
	}
}
