package remote

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"connectrpc.com/connect/v2/connectproto"

	"github.com/espalier-go/espalier/internal/hostcheck"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1/espalierv1connect"
)

// Defaults of [Dialer].
const (
	DefaultTimeout   = time.Minute
	DefaultMaxAnswer = 128 << 20
)

// DefaultBackoff spaces out attempts to reach a server that is not there.
var DefaultBackoff = sup.Backoff{Min: 50 * time.Millisecond, Max: 5 * time.Second, Factor: 2, Jitter: 0.5}

// A Dialer says how a [Client] reaches its server. A zero field means its
// default.
type Dialer struct {
	// TLS says whom to trust, and which certificate to show. The version is 1.3,
	// whatever it says. Beyond loopback there is always TLS, by default with the
	// authorities of the system; over loopback only if TLS or Token is set.
	// [ClientTLS] makes one from files.
	TLS *tls.Config
	// Token is the bearer token to send. It is never sent without TLS.
	Token string
	// Timeout is for calls whose context has no deadline. Default
	// [DefaultTimeout].
	Timeout time.Duration
	// Patience is how long a call, or the beginning of a stream, goes on trying
	// to reach a server that is not there. Default 0: it fails at once.
	Patience time.Duration
	// StreamPatience is how long a stream that was cut tries to go on, each time.
	// Default 0: for as long as its context does.
	StreamPatience time.Duration
	// Backoff spaces out all these attempts. Default [DefaultBackoff].
	Backoff sup.Backoff
	// MaxAnswer bounds an answer, in bytes, and the memory that it takes to sixteen
	// times as much. The default, [DefaultMaxAnswer], is enough for a million
	// children.
	MaxAnswer int
	// Logger is told at Warn when a stream was cut, or cannot begin yet, and at
	// Info when it goes on; at Debug of the attempts in between. Default: nobody
	// is.
	Logger *slog.Logger
	// ServerUsers are user ids that the server of a unix socket may run as, besides
	// this user and root. The owner of the socket's directory is allowed too, if no
	// other user can write to that directory, or to one above it. The server of
	// another user gets nothing: [ErrUntrusted].
	ServerUsers []uint32
	// Connect makes the connections, in place of the address: through a tunnel,
	// say. The address is a name then, with TLS the one that the certificate of
	// the server has to have.
	Connect func(ctx context.Context) (net.Conn, error)
}

// Dial returns a client of the server at an address: "unix:" and the path of a
// socket, or "host:port". It connects when there is something to say, and again
// whenever the connection was lost. What is wrong with the address is reported
// now: [ErrConfig].
func Dial(address string) (*Client, error) { return Dialer{}.Dial(address) }

// Dial is the function [Dial], with these settings.
func (d Dialer) Dial(address string) (*Client, error) {
	path, isUnix := socketPath(address)
	faults := d.check(address, path, isUnix)
	if err := faults.err(); err != nil {
		return nil, err
	}
	d.fillIn()
	host, _, _ := net.SplitHostPort(address)
	secure := !isUnix && (d.TLS != nil || d.Token != "" || d.Connect == nil && !hostcheck.IsLoopback(host))
	base := "http://" + address
	if isUnix {
		base = "http://localhost"
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	if secure {
		base = "https://" + address
		protocols.SetHTTP2(true)
	}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c, err := d.connect(ctx, address, secure)
			if err != nil {
				return nil, &dialError{err}
			}
			return c, nil
		},
		TLSClientConfig:     d.clientTLS(),
		Protocols:           protocols,
		TLSHandshakeTimeout: handshakeTimeout,
		IdleConnTimeout:     idleTimeout,
		DisableCompression:  true, // the protocol sees to that
		HTTP2:               &http.HTTP2Config{SendPingTimeout: pingEvery, PingTimeout: handshakeTimeout},
	}
	c := &Client{dialer: d, address: address, secure: secure, transport: transport}
	// A redirection would take the token elsewhere.
	h := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	codec := boundedCodec{connectproto.NewBinaryCodec(), max(d.MaxAnswer, d.MaxAnswer*answerMemoryFactor)}
	c.control = espalierv1connect.NewControlClient(connect.NewClient(
		connecthttp.NewTransport(h, base, connecthttp.WithReadMaxBytes(d.MaxAnswer), connecthttp.WithCodecs(codec)),
		c.authorize,
	))
	return c, nil
}

// unfolding is how much more memory than its length an answer may take. Children
// about which there is nothing to say take the most.
const answerMemoryFactor = 16

// Times of a connection.
const (
	handshakeTimeout = 10 * time.Second
	pingEvery        = 15 * time.Second
	idleTimeout      = 90 * time.Second // less than that of the server
)

func (d Dialer) check(address, path string, isUnix bool) problems {
	var faults problems
	_, port, err := net.SplitHostPort(address)
	switch {
	case isUnix && d.Connect != nil:
		faults.add("Connect: the address is that of a unix socket: leave one of them out")
	case isUnix && (d.TLS != nil || d.Token != ""):
		faults.add("TLS and Token are not for unix sockets: leave them out")
	case isUnix:
		checkSocketPath(&faults, address, path)
	case len(d.ServerUsers) > 0:
		faults.add("ServerUsers: is for unix sockets: TCP does not tell which user listens")
	case !isUnix && (err != nil || port == ""):
		faults.add(`the address %q is not of the form "unix:PATH" or "host:port"`, address)
	}
	if strings.ContainsAny(d.Token, "\r\n\x00 ") {
		faults.add("Token: has spaces or line ends: leave those out")
	}
	for _, n := range []struct {
		name     string
		negative bool
	}{
		{"Timeout", d.Timeout < 0},
		{"Patience", d.Patience < 0},
		{"StreamPatience", d.StreamPatience < 0},
		{"MaxAnswer", d.MaxAnswer < 0},
		{"Backoff", d.Backoff.Min < 0 || d.Backoff.Max < 0 || d.Backoff.Factor < 0},
	} {
		if n.negative {
			faults.add("%s: is negative: use 0 for the default", n.name)
		}
	}
	if d.TLS != nil && d.TLS.MaxVersion != 0 && d.TLS.MaxVersion < tls.VersionTLS13 {
		faults.add("TLS: MaxVersion is %s: 1.3 is the least", tls.VersionName(d.TLS.MaxVersion))
	}
	return faults
}

func (d *Dialer) fillIn() {
	if d.Timeout == 0 {
		d.Timeout = DefaultTimeout
	}
	if d.MaxAnswer == 0 {
		d.MaxAnswer = DefaultMaxAnswer
	}
	if d.Backoff.Min == 0 {
		d.Backoff.Min = DefaultBackoff.Min
	}
	if d.Backoff.Max == 0 {
		d.Backoff.Max = max(DefaultBackoff.Max, d.Backoff.Min)
	}
	if d.Backoff.Factor < 1 {
		d.Backoff.Factor = DefaultBackoff.Factor
	}
	if d.Backoff.Jitter == 0 {
		d.Backoff.Jitter = DefaultBackoff.Jitter
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
}

func (d *Dialer) clientTLS() *tls.Config {
	config := &tls.Config{}
	if d.TLS != nil {
		config = d.TLS.Clone()
	}
	config.MinVersion = tls.VersionTLS13
	return config
}

// connect makes a connection.
func (d *Dialer) connect(ctx context.Context, address string, secure bool) (net.Conn, error) {
	if d.Connect != nil {
		return d.Connect(ctx)
	}
	dialer := net.Dialer{Timeout: handshakeTimeout}
	if path, isUnix := socketPath(address); isUnix {
		c, err := dialer.DialContext(ctx, "unix", path)
		if err != nil {
			return nil, err
		}
		if err := d.checkServer(c, path); err != nil {
			c.Close()
			return nil, err
		}
		return &socketConn{c, &net.UnixAddr{Name: path, Net: "unix"}}, nil
	}
	c, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil || secure {
		return c, err
	}
	if a, ok := c.RemoteAddr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		c.Close()
		return nil, fmt.Errorf("%s is %v, and not this machine: use 127.0.0.1, or TLS", address, c.RemoteAddr())
	}
	return c, nil
}

// A socketConn is a connection to a unix socket under the name by which that was
// found. To the system its name is the one that it was bound under, which a
// server here has given up by then.
type socketConn struct {
	net.Conn
	name net.Addr
}

func (c *socketConn) RemoteAddr() net.Addr { return c.name }

func (c *socketConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	return n, c.renamed(err)
}

func (c *socketConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	return n, c.renamed(err)
}

func (c *socketConn) renamed(err error) error {
	op, ok := err.(*net.OpError)
	if !ok {
		return err
	}
	named := *op
	named.Source, named.Addr = nil, c.name
	return &named
}

// A dialError tells that there was no connection, and so nothing was sent.
type dialError struct{ error }

func (e *dialError) Unwrap() error { return e.error }
