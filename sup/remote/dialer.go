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
	DefaultMaxAnswer = 128 << 20 // bytes
)

// DefaultBackoff is the default of [Dialer.Backoff].
var DefaultBackoff = sup.Backoff{Min: 50 * time.Millisecond, Max: 5 * time.Second, Factor: 2, Jitter: 0.5}

// A Dialer holds the settings of a [Client]. A zero field means its default.
type Dialer struct {
	// TLS holds the trusted authorities and the client's certificate. The version is
	// always 1.3. Connections beyond loopback always use TLS, by default with the
	// authorities of the system. Loopback connections use it if TLS or Token is set.
	// [ClientTLS] creates a configuration from files.
	TLS *tls.Config
	// Token is the bearer token of the client. It is never sent without TLS.
	Token string
	// Timeout is the limit for calls whose context has no deadline. The default is
	// [DefaultTimeout].
	Timeout time.Duration
	// Patience is the time in which a call or a new stream repeats attempts to reach a
	// server that is not reachable. By default it fails after the first attempt.
	Patience time.Duration
	// StreamPatience is the time in which a stream tries to resume after each lost
	// connection. By default it tries until its context ends.
	StreamPatience time.Duration
	// Backoff is the wait between these attempts. The default is [DefaultBackoff].
	Backoff sup.Backoff
	// MaxAnswer is the maximum size of a response in bytes. A decoded response may take
	// sixteen times as much memory. The default, [DefaultMaxAnswer], suffices for a
	// million children.
	MaxAnswer int
	// Logger receives a record at Warn when a stream is interrupted or cannot start, at
	// Info when it resumes, and at Debug for each attempt. If nil, nothing is logged.
	Logger *slog.Logger
	// ServerUsers are the user ids that the server of a unix socket may have, besides
	// this user and root. The owner of the socket's directory is permitted too, if no
	// other user can write to that directory or its parents. If the server runs as
	// another user, the client sends nothing and returns [ErrUntrusted].
	ServerUsers []uint32
	// Connect opens the connections instead of dialing the address, for example through
	// a tunnel. With TLS, the certificate of the server must be valid for the address.
	Connect func(ctx context.Context) (net.Conn, error)
}

// Dial returns a client of the server at an address. The address is "unix:" and the
// path of a socket, or "host:port". The client connects at its first call, and again
// after a lost connection. Dial returns [ErrConfig] for an invalid address.
func Dial(address string) (*Client, error) { return Dialer{}.Dial(address) }

// Dial is like the function [Dial], with the settings of d.
func (d Dialer) Dial(address string) (*Client, error) {
	path, isUnix := socketPath(address)
	problems := d.check(address, path, isUnix)
	if err := problems.err(); err != nil {
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
		DisableCompression:  true, // the protocol compresses
		HTTP2:               &http.HTTP2Config{SendPingTimeout: pingEvery, PingTimeout: handshakeTimeout},
	}
	c := &Client{dialer: d, address: address, secure: secure, transport: transport}
	// A redirect would send the token to another server.
	h := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	codec := boundedCodec{connectproto.NewBinaryCodec(), max(d.MaxAnswer, d.MaxAnswer*answerMemoryFactor)}
	c.control = espalierv1connect.NewControlClient(connect.NewClient(
		connecthttp.NewTransport(h, base, connecthttp.WithReadMaxBytes(d.MaxAnswer), connecthttp.WithCodecs(codec)),
		c.authorize,
	))
	return c, nil
}

// answerMemoryFactor is the maximum memory of a response for each of its bytes.
// Children with zero fields only have the largest ratio.
const answerMemoryFactor = 16

// Timeouts of a connection.
const (
	handshakeTimeout = 10 * time.Second
	pingEvery        = 15 * time.Second
	idleTimeout      = 90 * time.Second // less than the default of the server
)

func (d Dialer) check(address, path string, isUnix bool) problems {
	var problems problems
	_, port, err := net.SplitHostPort(address)
	switch {
	case isUnix && d.Connect != nil:
		problems.add("Connect is set, but the address is a unix socket: remove one of them")
	case isUnix && (d.TLS != nil || d.Token != ""):
		problems.add("TLS or Token is set, but the address is a unix socket: remove it")
	case isUnix:
		checkSocketPath(&problems, address, path)
	case len(d.ServerUsers) > 0:
		problems.add("ServerUsers is set, but the address is not a unix socket: remove it")
	case !isUnix && (err != nil || port == ""):
		problems.add(`address %q: use "unix:PATH" or "host:port"`, address)
	}
	if strings.ContainsAny(d.Token, "\r\n\x00 ") {
		problems.add("Token has spaces or line ends: remove them")
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
			problems.add("%s is negative: use 0 for the default", n.name)
		}
	}
	if d.TLS != nil && d.TLS.MaxVersion != 0 && d.TLS.MaxVersion < tls.VersionTLS13 {
		problems.add("TLS.MaxVersion is %s: use 1.3 or higher", tls.VersionName(d.TLS.MaxVersion))
	}
	return problems
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

// connect opens a connection.
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
		return nil, fmt.Errorf("%s resolves to %v, which is not a loopback address: use 127.0.0.1, or TLS", address, c.RemoteAddr())
	}
	return c, nil
}

// A socketConn is a connection to a unix socket whose errors name the path that was
// dialed. The system reports the temporary path under which the server bound it.
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
