package remote

import (
	"crypto/tls"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"strings"
	"time"

	"github.com/espalier-go/espalier/internal/hostcheck"
)

// Defaults of [Config].
const (
	DefaultMode           fs.FileMode   = 0o600
	DefaultMaxConnections               = 128
	DefaultMaxStreams                   = 32
	DefaultMaxCalls                     = 64
	DefaultMaxAnswers                   = 128 << 20 // bytes
	DefaultMaxRequest                   = 64 << 10  // bytes
	DefaultHeaderTimeout  time.Duration = 5 * time.Second
	DefaultWriteTimeout   time.Duration = 10 * time.Second
	DefaultIdleTimeout    time.Duration = 2 * time.Minute
	DefaultCallTimeout    time.Duration = 5 * time.Minute
	DefaultHeartbeat      time.Duration = 10 * time.Second
	DefaultGrace          time.Duration = 2 * time.Second
)

// A Config holds the settings of a [Server]. A zero field means its default.
type Config struct {
	// Address is "unix:" and the path of a socket, or "host:port". TCP beyond loopback
	// needs TLS. Either Address or Listener is required.
	//
	// All parent directories of a socket must belong to this user or to root, and no
	// other user may write to them. Sticky directories such as /tmp are permitted, except
	// as the last one. If the last directory does not exist, the server creates it with
	// mode 0700. If the directories cannot be like that, use Listener. Abstract sockets,
	// whose name begins with @, are rejected, since every user can create one.
	Address string
	// Listener replaces Address. The server closes it. A TCP listener must meet the
	// requirements of a TCP address. For other listeners, such as a tunnel, the caller
	// decides which clients can connect.
	Listener net.Listener
	// Mode is the mode of the unix socket. Processes of this user and of root are
	// always operators. Other processes need both the mode and a grant.
	Mode fs.FileMode
	// Access holds the grants for other clients. It is required with TCP.
	Access []Grant
	// TLS holds the server's certificate and, for grants by [Certificate], ClientCAs.
	// The version is always 1.3. [ServerTLS] creates a configuration from files.
	TLS *tls.Config
	// Logger receives a record for each operator call at Info, with the client and the
	// result. It receives rejected clients at Warn, and viewer calls at Debug. If nil,
	// slog.Default() is used.
	Logger *slog.Logger

	// MaxConnections is the maximum number of open connections. A new connection
	// replaces one without credentials, or else an idle one, or is closed at once. One
	// eighth is reserved for operators.
	MaxConnections int
	// MaxStreams is the maximum number of event streams. One eighth is reserved for
	// operators.
	MaxStreams int
	// MaxCalls is the maximum number of calls of one client in progress, including
	// streams, across its connections.
	MaxCalls int
	// MaxAnswers is the maximum memory for responses to viewers in bytes. Operators
	// have as much again. Further responses wait.
	MaxAnswers int
	// MaxRequest is the maximum size of a request in bytes.
	MaxRequest int
	// HeaderTimeout is the limit for each of the TLS handshake, the header of a request
	// and its body.
	HeaderTimeout time.Duration
	// WriteTimeout is the limit for each 64 KiB of a response.
	WriteTimeout time.Duration
	// IdleTimeout is the time after which a connection without a request is closed.
	IdleTimeout time.Duration
	// CallTimeout is the limit for a call whose caller does not ask for less. A shutdown
	// that takes longer continues.
	CallTimeout time.Duration
	// Heartbeat is the maximum time between two messages of an event stream.
	Heartbeat time.Duration
	// Grace is the time that calls in progress have when the server stops. It should be
	// less than the Shutdown of the server's child.
	Grace time.Duration
}

// settings is a valid Config with its defaults filled in.
type settings struct {
	Config
	socket string // path of the unix socket, or ""
}

func (c Config) settings() (*settings, error) {
	s := &settings{Config: c}
	var problems problems
	s.Access = append([]Grant(nil), c.Access...)
	for _, g := range s.Access {
		switch {
		case g.kind == 0:
			problems.add("Access has a zero Grant: use User, Group, Certificate, Token, Tokens or Anyone")
		case g.problem != "":
			problems.add("Access: %s", g.problem)
		case g.role != Viewer && g.role != Operator:
			problems.add("Access grants the role %v: use Viewer or Operator", g.role)
		}
	}
	s.checkAddress(&problems)
	s.checkTLS(&problems)
	s.fillIn(&problems)
	if err := problems.err(); err != nil {
		return nil, err
	}
	if s.socket != "" || s.Listener != nil {
		s.Access = append(s.Access, User(uint32(os.Getuid()), Operator), User(0, Operator))
	}
	return s, nil
}

func (s *settings) checkAddress(problems *problems) {
	path, isUnix := socketPath(s.Address)
	switch {
	case s.Listener != nil && s.Address != "":
		problems.add("Address and Listener are both set: remove one of them")
	case s.Listener != nil:
		if tcp, ok := s.Listener.Addr().(*net.TCPAddr); ok {
			s.checkReach(problems, tcp.String(), !tcp.IP.IsLoopback())
		}
	case s.Address == "":
		problems.add(`Address is empty: use "unix:PATH" or "host:port"`)
	case isUnix:
		s.socket = path
		s.checkSocket(problems)
	default:
		s.checkTCP(problems)
	}
	if s.Mode&^fs.ModePerm != 0 {
		problems.add("Mode %v has more than permission bits: use a mode such as 0o660", s.Mode)
	}
}

func (s *settings) checkSocket(problems *problems) {
	checkSocketPath(problems, s.Address, s.socket)
	if s.TLS != nil {
		problems.add("TLS is set, but Address is a unix socket: remove it")
	}
	for _, g := range s.Access {
		if g.kind == byCertificate || g.kind == byToken {
			problems.add("Access grants by certificate or token, but Address is a unix socket: use User or Group")
			return
		}
	}
}

func (s *settings) checkTCP(problems *problems) {
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil || port == "" {
		problems.add(`Address %q: use "unix:PATH" or "host:port"`, s.Address)
		return
	}
	s.checkReach(problems, s.Address, !hostcheck.IsLoopback(host))
}

// checkReach checks TLS and grants of a TCP server. The server is remote if other
// machines can reach it.
func (s *settings) checkReach(problems *problems, address string, remote bool) {
	if remote && s.TLS == nil {
		_, port, _ := net.SplitHostPort(address)
		problems.add(`TLS is nil, but other machines can reach %q: set TLS, or listen on "localhost:%s" or a unix socket`, address, port)
	}
	if len(s.Access) == 0 {
		problems.add("Access is empty: add a grant")
	}
	for _, g := range s.Access {
		switch {
		case g.kind == byProcess:
			problems.add("Access grants by User or Group, but the server uses TCP: use Certificate or Token")
		case g.kind == byAnything && remote:
			problems.add("Access grants to Anyone, but other machines can reach the server: use Certificate or Token")
		case (g.kind == byCertificate || g.kind == byToken) && s.TLS == nil && !remote:
			problems.add("Access grants by certificate or token, but TLS is nil: set TLS")
		}
	}
}

func (s *settings) checkTLS(problems *problems) {
	if s.TLS == nil {
		return
	}
	s.TLS = s.TLS.Clone()
	if s.TLS.MaxVersion != 0 && s.TLS.MaxVersion < tls.VersionTLS13 {
		problems.add("TLS.MaxVersion is %s: use 1.3 or higher", tls.VersionName(s.TLS.MaxVersion))
	}
	s.TLS.MinVersion = tls.VersionTLS13
	s.TLS.SessionTicketsDisabled = true // a resumed session is not verified again
	if s.TLS.GetConfigForClient != nil {
		problems.add("TLS.GetConfigForClient is set, which could weaken the configuration: use GetCertificate")
	}
	if len(s.TLS.Certificates) == 0 && s.TLS.GetCertificate == nil {
		problems.add("TLS has no certificate: use ServerTLS, or set Certificates or GetCertificate")
	}
	var certificates, others bool
	for _, g := range s.Access {
		certificates = certificates || g.kind == byCertificate
		others = others || g.kind != byCertificate
	}
	if !certificates {
		return
	}
	if s.TLS.ClientCAs == nil {
		problems.add("TLS.ClientCAs is nil: set the authorities that sign client certificates")
	}
	want := tls.RequireAndVerifyClientCert
	if others {
		want = tls.VerifyClientCertIfGiven
	}
	s.TLS.ClientAuth = max(s.TLS.ClientAuth, want)
}

func (s *settings) fillIn(problems *problems) {
	setDefault(problems, "MaxConnections", &s.MaxConnections, DefaultMaxConnections)
	setDefault(problems, "MaxStreams", &s.MaxStreams, DefaultMaxStreams)
	setDefault(problems, "MaxCalls", &s.MaxCalls, DefaultMaxCalls)
	setDefault(problems, "MaxAnswers", &s.MaxAnswers, DefaultMaxAnswers)
	setDefault(problems, "MaxRequest", &s.MaxRequest, DefaultMaxRequest)
	setDefault(problems, "HeaderTimeout", &s.HeaderTimeout, DefaultHeaderTimeout)
	setDefault(problems, "WriteTimeout", &s.WriteTimeout, DefaultWriteTimeout)
	setDefault(problems, "IdleTimeout", &s.IdleTimeout, DefaultIdleTimeout)
	setDefault(problems, "CallTimeout", &s.CallTimeout, DefaultCallTimeout)
	setDefault(problems, "Heartbeat", &s.Heartbeat, DefaultHeartbeat)
	setDefault(problems, "Grace", &s.Grace, DefaultGrace)
	if s.Mode == 0 {
		s.Mode = DefaultMode
	}
	if s.Logger == nil {
		s.Logger = slog.Default()
	}
}

func setDefault[N int | time.Duration](problems *problems, name string, n *N, byDefault N) {
	if *n < 0 {
		problems.add("%s %v is negative: use 0 for the default, %v", name, *n, byDefault)
	}
	if *n == 0 {
		*n = byDefault
	}
}

// problems collects the problems of a configuration.
type problems []string

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

func (p problems) err() error {
	if len(p) == 0 {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrConfig, strings.Join(p, "; "))
}
