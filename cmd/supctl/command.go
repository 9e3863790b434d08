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

// A session holds the flags of one command line, and the client that they describe.
type session struct {
	address, output          string
	ca, cert, key, tokenFile string
	serverUser               string
	timeout, patience        time.Duration
	patienceSet              func() bool // reports whether --patience was given

	stderr io.Writer
	client *remote.Client // nil before dial
}

// errUsage is returned when the command line is wrong.
var errUsage = errors.New("usage")

// A usageError wraps errUsage and has the text of the error.
type usageError struct{ error }

func (e usageError) Unwrap() []error { return []error{errUsage, e.error} }

func usage(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

func (s *session) command() *cobra.Command {
	root := &cobra.Command{
		Use:           "supctl",
		Short:         "Inspect and operate the supervision tree of a running program",
		Long:          longHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	f := root.PersistentFlags()
	f.StringVarP(&s.address, "address", "a", os.Getenv("SUPCTL_ADDRESS"), "`address` of the control server, unix:PATH or host:port; or set SUPCTL_ADDRESS")
	f.StringVarP(&s.output, "output", "o", "text", "output `format`, text or json")
	f.StringVar(&s.ca, "ca", os.Getenv("SUPCTL_CA"), "`file` with the authority that signed the server's certificate; or set SUPCTL_CA")
	f.StringVar(&s.cert, "cert", os.Getenv("SUPCTL_CERT"), "`file` with the client certificate; or set SUPCTL_CERT")
	f.StringVar(&s.key, "key", os.Getenv("SUPCTL_KEY"), "`file` with the key of the client certificate; or set SUPCTL_KEY")
	f.StringVar(&s.tokenFile, "token-file", os.Getenv("SUPCTL_TOKEN_FILE"), "`file` with a bearer token; or set SUPCTL_TOKEN_FILE")
	f.StringVar(&s.serverUser, "server-user", os.Getenv("SUPCTL_SERVER_USER"), "trusted `user` of the server, if other users can create a socket at the address; or set SUPCTL_SERVER_USER")
	f.DurationVar(&s.timeout, "timeout", remote.DefaultTimeout, "time limit for a call; 0 for the limit of the server")
	f.DurationVar(&s.patience, "patience", 0, "time to wait for a server that is not reachable")
	s.patienceSet = func() bool { return f.Changed("patience") }
	root.AddCommand(
		s.treeCommand(), s.topCommand(), s.childrenCommand(), s.statusCommand(), s.stacksCommand(), s.eventsCommand(), s.recordCommand(),
		s.startCommand(), s.terminateCommand(), s.restartCommand(), s.deleteCommand(), s.shutdownCommand(),
		exitCodesTopic(),
	)
	return root
}

const longHelp = `Supctl inspects and operates the supervision tree of a running program.

The program needs a control server (package sup/remote). PATH is a path as shown by
"supctl tree" and in events, such as orders/feeds/ACME. Without PATH, a command
applies to the whole tree. In a path, %2F is a slash, %25 a percent sign, and %0A and
the like are bytes that cannot be printed. Type paths as they are shown.`

// noTimeout disables the timeout of a Dialer, for which 0 means the default.
const noTimeout time.Duration = math.MaxInt64

// dial returns the client for the flags.
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
		return nil, usage("--timeout %v is negative: use 0 for no limit", s.timeout)
	}
	if s.timeout == 0 {
		s.timeout = noTimeout
	}
	if s.patience < 0 {
		return nil, usage("--patience %v is negative: use 0 for no wait", s.patience)
	}
	if (s.cert == "") != (s.key == "") {
		return nil, usage("only one of --cert and --key: use both")
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

// lookupUser returns the id of a user, given by name or number.
func lookupUser(name string) (uint32, error) {
	number := name
	if known, err := user.Lookup(name); err == nil {
		number = known.Uid
	}
	uid, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return 0, usage("--server-user %q: no such user", name)
	}
	return uint32(uid), nil
}

// defaultStreamPatience suffices for a restart of the program.
const defaultStreamPatience = time.Minute

func (s *session) streamPatience() time.Duration {
	if s.patienceSet() {
		return max(s.patience, 1) // 0 means no limit to a Dialer
	}
	return defaultStreamPatience
}

func (s *session) close() {
	if s.client != nil {
		s.client.Close()
	}
}

// pathArgument returns the path argument of a command without side effects, or "". It
// removes a final slash, which completion adds, unless a child has an empty id.
// Commands with side effects take their path unchanged.
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

// onePath checks the arguments of a command that takes PATH, or [PATH] if it is
// optional.
func onePath(optional bool) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) > 1:
			return usage("%s takes one PATH, not %d", cmd.Name(), len(args))
		case len(args) == 0 && !optional, len(args) == 1 && args[0] == "":
			return usage("%s needs a PATH: see supctl tree", cmd.Name())
		}
		return nil
	}
}
