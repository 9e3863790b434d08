package remote_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/patience"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// An authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string // with its certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := new(authority)
	a.key = newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.file = writePEM(t, "CERTIFICATE", der)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writePEM(t *testing.T, kind string, der []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// issue returns files with a certificate and its key.
func (a *authority) issue(t *testing.T, name string, from, to time.Duration, usage x509.ExtKeyUsage) (certFile, keyFile string) {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(from), NotAfter: time.Now().Add(to),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage},
	}
	if usage == x509.ExtKeyUsageServerAuth {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return writePEM(t, "CERTIFICATE", der), writePEM(t, "PRIVATE KEY", private)
}

func (a *authority) server(t *testing.T) *tls.Config {
	t.Helper()
	cert, key := a.issue(t, "server", -time.Hour, time.Hour, x509.ExtKeyUsageServerAuth)
	config, err := remote.ServerTLS(cert, key, a.file)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func (a *authority) client(t *testing.T, name string, from, to time.Duration) *tls.Config {
	t.Helper()
	cert, key := a.issue(t, name, from, to, x509.ExtKeyUsageClientAuth)
	config, err := remote.ClientTLS(a.file, cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func anonymous(t *testing.T, a *authority) *tls.Config {
	t.Helper()
	config, err := remote.ClientTLS(a.file, "", "")
	if err != nil {
		t.Fatal(err)
	}
	return config
}

const secret = "0123456789abcdef-secret"

func TestCertificatesAndTokensGiveRoles(t *testing.T) {
	ours, theirs := newAuthority(t), newAuthority(t)
	address := serveTLS(t, ours.server(t),
		remote.Certificate("ops", remote.Operator),
		remote.Certificate("watch", remote.Viewer),
		remote.Token(secret, "deploy", remote.Viewer),
	)
	now := func(name string) *tls.Config { return ours.client(t, name, -time.Minute, time.Minute) }
	foreign := theirs.client(t, "ops", -time.Minute, time.Minute)
	foreign.RootCAs = anonymous(t, ours).RootCAs
	old := now("ops")
	old.MaxVersion = tls.VersionTLS13
	for name, c := range map[string]struct {
		dialer remote.Dialer
		want   string
	}{
		"an operator's certificate":     {remote.Dialer{TLS: now("ops")}, "operator"},
		"a viewer's certificate":        {remote.Dialer{TLS: now("watch")}, "viewer"},
		"a stranger's certificate":      {remote.Dialer{TLS: now("eve")}, "denied"},
		"another authority's":           {remote.Dialer{TLS: foreign}, "denied"},
		"one that has expired":          {remote.Dialer{TLS: ours.client(t, "ops", -time.Hour, -time.Minute)}, "denied"},
		"one that is not valid yet":     {remote.Dialer{TLS: ours.client(t, "ops", time.Minute, time.Hour)}, "denied"},
		"no certificate":                {remote.Dialer{TLS: anonymous(t, ours)}, "denied"},
		"a token":                       {remote.Dialer{TLS: anonymous(t, ours), Token: secret}, "viewer"},
		"a wrong token":                 {remote.Dialer{TLS: anonymous(t, ours), Token: secret + "x"}, "denied"},
		"part of a token":               {remote.Dialer{TLS: anonymous(t, ours), Token: secret[:20]}, "denied"},
		"a token and a certificate":     {remote.Dialer{TLS: now("ops"), Token: secret}, "operator"},
		"a wrong token and a right one": {remote.Dialer{TLS: now("ops"), Token: "nonsense"}, "operator"},
		"a server that is not trusted":  {remote.Dialer{TLS: anonymous(t, theirs), Token: secret}, "untrusted"},
		"plain HTTP":                    {remote.Dialer{}, "broken"},
	} {
		if got := roleOf(t, c.dialer, address); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	// The server rejects versions below TLS 1.3, too, not only the client.
	if c, err := tls.Dial("tcp", address, &tls.Config{RootCAs: anonymous(t, ours).RootCAs, MaxVersion: tls.VersionTLS12}); err == nil {
		c.Close()
		t.Error("TLS 1.2 was accepted")
	}
}

// roleOf returns the role of a client at a server.
func roleOf(t *testing.T, d remote.Dialer, address string) string {
	t.Helper()
	c, err := d.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.Status(t.Context(), "")
	switch {
	case errors.Is(err, remote.ErrDenied):
		return "denied"
	case errors.Is(err, remote.ErrUntrusted):
		return "untrusted"
	case err != nil:
		return "broken"
	}
	err = c.TerminateChild(t.Context(), sup.Target{Path: "tree/none"})
	if errors.Is(err, remote.ErrDenied) {
		return "viewer"
	}
	return "operator"
}

// serveTLS serves a tree over TCP, and returns the address.
func serveTLS(t *testing.T, config *tls.Config, access ...remote.Grant) (address string) {
	t.Helper()
	tree := sup.New(sup.Spec[idle]{Name: "tree"})
	ctx, cancel := context.WithCancel(context.Background())
	s := remote.NewServer(sup.Control(tree), remote.Config{
		Address: "127.0.0.1:0", TLS: config, Access: access, Logger: new(logbook).logger(), Heartbeat: 20 * time.Millisecond,
	})
	if err := s.Initialize(ctx); err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() { s.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return s.Address()
}

func TestARevokedTokenStopsWorkingAtOnce(t *testing.T) {
	ours := newAuthority(t)
	var revoked atomic.Bool
	address := serveTLS(t, ours.server(t), remote.Tokens(func(token string) (string, remote.Role) {
		if token == secret && !revoked.Load() {
			return "deploy", remote.Operator
		}
		return "", 0
	}))
	c, err := remote.Dialer{TLS: anonymous(t, ours), Token: secret}.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Status(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	begun := make(chan struct{})
	go func() {
		once := sync.OnceFunc(func() { close(begun) })
		for _, err := range c.Events(t.Context(), "", 0) {
			once()
			if err != nil {
				ended <- err
			}
		}
		once()
		close(ended)
	}()
	revoked.Store(true)
	if err := <-ended; !errors.Is(err, remote.ErrDenied) {
		t.Errorf("stream ended with %v", err)
	}
	<-begun
	if _, err := c.Status(t.Context(), ""); !errors.Is(err, remote.ErrDenied) {
		t.Errorf("call on the existing connection: %v", err)
	}
}

// A recorded TLS connection cannot be replayed, and the token in it cannot be read.
func TestAReplayedConnectionIsRejected(t *testing.T) {
	ours := newAuthority(t)
	var calls atomic.Int32
	address := serveTLS(t, ours.server(t), remote.Tokens(func(token string) (string, remote.Role) {
		calls.Add(1)
		return "deploy", remote.Operator
	}))
	var recorded recorder
	d := remote.Dialer{TLS: anonymous(t, ours), Token: secret, Connect: func(ctx context.Context) (net.Conn, error) {
		var dialer net.Dialer
		c, err := dialer.DialContext(ctx, "tcp", address)
		return &tapped{c, &recorded}, err
	}}
	c, err := d.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.TerminateChild(t.Context(), sup.Target{Path: "tree/none"}); err == nil {
		t.Fatal("no error")
	}
	before := calls.Load()
	if before == 0 || recorded.contains(secret) {
		t.Fatalf("%d calls; token readable: %v", before, recorded.contains(secret))
	}
	thief, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer thief.Close()
	thief.SetDeadline(time.Now().Add(patience.Bound))
	thief.Write(recorded.bytes())
	io.Copy(io.Discard, thief) // until the server closes
	if after := calls.Load(); after != before {
		t.Errorf("the server accepted %d requests", after-before)
	}
}

// A recorder keeps what is written.
type recorder struct {
	mu   sync.Mutex
	data bytes.Buffer
}

func (r *recorder) bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.data.Bytes())
}

func (r *recorder) contains(text string) bool { return strings.Contains(string(r.bytes()), text) }

type tapped struct {
	net.Conn
	recorder *recorder
}

func (c *tapped) Write(b []byte) (int, error) {
	c.recorder.mu.Lock()
	c.recorder.data.Write(b)
	c.recorder.mu.Unlock()
	return c.Conn.Write(b)
}
