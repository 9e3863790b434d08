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
	DefaultMaxAnswers                   = 128 << 20
	DefaultMaxRequest                   = 64 << 10
	DefaultHeaderTimeout  time.Duration = 5 * time.Second
	DefaultWriteTimeout   time.Duration = 10 * time.Second
	DefaultIdleTimeout    time.Duration = 2 * time.Minute
	DefaultCallTimeout    time.Duration = 5 * time.Minute
	DefaultHeartbeat      time.Duration = 10 * time.Second
	DefaultGrace          time.Duration = 2 * time.Second
)

// A Config says where a [Server] listens, and for whom. A zero field means its
// default.
type Config struct {
	// Address is "unix:" and the path of a socket, or "host:port". Beyond
	// loopback, TCP needs TLS. Required, unless there is a Listener.
	//
	// The directories that lead to a socket, up to the root, must belong to this
	// user or to root, and no other user may write to them; a sticky one such as
	// /tmp may be among them, but not the last. The last one is made if it does
	// not exist, with mode 0700. Where the directories cannot be so, give a Listener.
	// A name that begins with @, an abstract socket, is refused, since any user can
	// bind one.
	Address string
	// Listener is listened on instead of an Address, and closed in the end. What
	// is demanded of a TCP address is of a TCP listener too; of others, such as a
	// tunnel, it is the caller who knows whom they let in.
	Listener net.Listener
	// Mode is the mode of the unix socket. The processes of this user and of
	// root are always operators there; others have to be let in by the mode, and
	// granted a role.
	Mode fs.FileMode
	// Access says who else may do what. Required with TCP.
	Access []Grant
	// TLS has the server's certificate and, for grants by [Certificate], the
	// ClientCAs. The version is 1.3, whatever it says. [ServerTLS] makes one from
	// files.
	TLS *tls.Config
	// Logger is told each operator's call at Info: who, what, and the result;
	// who was turned away at Warn, each look at Debug. Default slog.Default().
	Logger *slog.Logger

	MaxConnections int           // further ones replace those that have shown nothing, then idle ones, or are closed at once; some are not for viewers
	MaxStreams     int           // streams of events in all connections; some are not for viewers
	MaxCalls       int           // calls of one client under way, in all its connections, streams included
	MaxAnswers     int           // bytes that answers to viewers may take together, and as many again for operators; further ones wait
	MaxRequest     int           // bytes
	HeaderTimeout  time.Duration // for a TLS handshake, the header and the body of a request, each
	WriteTimeout   time.Duration // for each 64 KiB of an answer
	IdleTimeout    time.Duration // of a connection without requests
	CallTimeout    time.Duration // for a call, if its caller does not ask for less; of a shutdown that takes longer, only the wait ends
	Heartbeat      time.Duration // between two messages of a stream of events, at most
	Grace          time.Duration // for calls that are under way when the server stops; it should be less than the Shutdown of the child that the server is
}

// A settings is a Config that has been checked, with its defaults filled in.
type settings struct {
	Config
	socket string // path of the unix socket
}

func (c Config) settings() (*settings, error) {
	s := &settings{Config: c}
	var faults problems
	s.Access = append([]Grant(nil), c.Access...)
	for _, g := range s.Access {
		switch {
		case g.kind == 0:
			faults.add("Access: the zero Grant: use User, Group, Certificate, Token, Tokens or Anyone")
		case g.problem != "":
			faults.add("Access: %s", g.problem)
		case g.role != Viewer && g.role != Operator:
			faults.add("Access: %v is no role to grant: use Viewer or Operator", g.role)
		}
	}
	s.checkAddress(&faults)
	s.checkTLS(&faults)
	s.fillIn(&faults)
	if err := faults.err(); err != nil {
		return nil, err
	}
	if s.socket != "" || s.Listener != nil {
		s.Access = append(s.Access, User(uint32(os.Getuid()), Operator), User(0, Operator))
	}
	return s, nil
}

func (s *settings) checkAddress(faults *problems) {
	path, isUnix := socketPath(s.Address)
	switch {
	case s.Listener != nil && s.Address != "":
		faults.add("Address and Listener: give one of them")
	case s.Listener != nil:
		if tcp, ok := s.Listener.Addr().(*net.TCPAddr); ok {
			s.checkReach(faults, tcp.String(), !tcp.IP.IsLoopback())
		}
	case s.Address == "":
		faults.add(`Address: is empty: use "unix:" and a path, or "host:port"`)
	case isUnix:
		s.socket = path
		s.checkSocket(faults)
	default:
		s.checkTCP(faults)
	}
	if s.Mode&^fs.ModePerm != 0 {
		faults.add("Mode: %v is more than permissions: use some such as 0o660", s.Mode)
	}
}

func (s *settings) checkSocket(faults *problems) {
	checkSocketPath(faults, s.Address, s.socket)
	if s.TLS != nil {
		faults.add("TLS: is not for unix sockets: leave it out")
	}
	for _, g := range s.Access {
		if g.kind == byCertificate || g.kind == byToken {
			faults.add("Access: certificates and tokens are not for unix sockets: use User or Group")
			return
		}
	}
}

func (s *settings) checkTCP(faults *problems) {
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil || port == "" {
		faults.add(`Address: %q is not of the form "unix:PATH" or "host:port"`, s.Address)
		return
	}
	s.checkReach(faults, s.Address, !hostcheck.IsLoopback(host))
}

// checkReach is about who can reach a server over TCP: this machine, or those
// beyond it.
func (s *settings) checkReach(faults *problems, address string, beyond bool) {
	if beyond && s.TLS == nil {
		_, port, _ := net.SplitHostPort(address)
		faults.add(`TLS: is nil: %q can be reached from other machines; give a certificate, or listen on "localhost:%s" or a unix socket`, address, port)
	}
	if len(s.Access) == 0 {
		faults.add("Access: is empty: nobody could do anything")
	}
	for _, g := range s.Access {
		switch {
		case g.kind == byProcess:
			faults.add("Access: User and Group are for unix sockets: TCP does not tell who connects")
		case g.kind == byAnything && beyond:
			faults.add("Access: Anyone is for loopback only: use Certificate or Token")
		case (g.kind == byCertificate || g.kind == byToken) && s.TLS == nil && !beyond:
			faults.add("Access: certificates and tokens need TLS")
		}
	}
}

func (s *settings) checkTLS(faults *problems) {
	if s.TLS == nil {
		return
	}
	s.TLS = s.TLS.Clone()
	if s.TLS.MaxVersion != 0 && s.TLS.MaxVersion < tls.VersionTLS13 {
		faults.add("TLS: MaxVersion is %s: 1.3 is the least", tls.VersionName(s.TLS.MaxVersion))
	}
	s.TLS.MinVersion = tls.VersionTLS13
	s.TLS.SessionTicketsDisabled = true // what is resumed would not be verified again
	if s.TLS.GetConfigForClient != nil {
		faults.add("TLS: GetConfigForClient would get round what is demanded here: use GetCertificate")
	}
	if len(s.TLS.Certificates) == 0 && s.TLS.GetCertificate == nil {
		faults.add("TLS: has no certificate: use ServerTLS, or set Certificates or GetCertificate")
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
		faults.add("TLS: ClientCAs is nil: say who signs the certificates of clients")
	}
	want := tls.RequireAndVerifyClientCert
	if others {
		want = tls.VerifyClientCertIfGiven
	}
	s.TLS.ClientAuth = max(s.TLS.ClientAuth, want)
}

func (s *settings) fillIn(faults *problems) {
	number := func(name string, n *int, byDefault int) {
		if *n < 0 {
			faults.add("%s: %d is negative: use 0 for the default, %d", name, *n, byDefault)
		}
		if *n == 0 {
			*n = byDefault
		}
	}
	number("MaxConnections", &s.MaxConnections, DefaultMaxConnections)
	number("MaxStreams", &s.MaxStreams, DefaultMaxStreams)
	number("MaxCalls", &s.MaxCalls, DefaultMaxCalls)
	number("MaxAnswers", &s.MaxAnswers, DefaultMaxAnswers)
	number("MaxRequest", &s.MaxRequest, DefaultMaxRequest)
	duration := func(name string, d *time.Duration, byDefault time.Duration) {
		if *d < 0 {
			faults.add("%s: %v is negative: use 0 for the default, %v", name, *d, byDefault)
		}
		if *d == 0 {
			*d = byDefault
		}
	}
	duration("HeaderTimeout", &s.HeaderTimeout, DefaultHeaderTimeout)
	duration("WriteTimeout", &s.WriteTimeout, DefaultWriteTimeout)
	duration("IdleTimeout", &s.IdleTimeout, DefaultIdleTimeout)
	duration("CallTimeout", &s.CallTimeout, DefaultCallTimeout)
	duration("Heartbeat", &s.Heartbeat, DefaultHeartbeat)
	duration("Grace", &s.Grace, DefaultGrace)
	if s.Mode == 0 {
		s.Mode = DefaultMode
	}
	if s.Logger == nil {
		s.Logger = slog.Default()
	}
}

// faults collects what is wrong with a configuration.
type problems []string

func (f *problems) add(format string, args ...any) { *f = append(*f, fmt.Sprintf(format, args...)) }

func (f problems) err() error {
	if len(f) == 0 {
		return nil
	}
	return fmt.Errorf("remote: %w: %s", ErrConfig, strings.Join(f, "; "))
}
