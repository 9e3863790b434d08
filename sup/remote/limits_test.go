package remote_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

const viewerSecret = "fedcba9876543210-viewer"

// serveTokens serves a controller over TLS for an operator and a viewer with tokens. It
// returns the address and the TLS configuration of a client.
func serveTokens(t *testing.T, c sup.Controller, edit func(*remote.Config)) (address string, trust *tls.Config) {
	t.Helper()
	ours := newAuthority(t)
	config := remote.Config{
		Address: "127.0.0.1:0", TLS: ours.server(t), Logger: new(logbook).logger(),
		HeaderTimeout: time.Minute, WriteTimeout: time.Minute, // the machine may be busy
		Access: []remote.Grant{remote.Token(secret, "ops", remote.Operator), remote.Token(viewerSecret, "watch", remote.Viewer)},
	}
	edit(&config)
	ctx, cancel := context.WithCancel(context.Background())
	s := remote.NewServer(c, config)
	if err := s.Initialize(ctx); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return s.Address(), anonymous(t, ours)
}

// client returns a client with a token, which is closed when the test ends.
func client(t *testing.T, address string, trust *tls.Config, token string) *remote.Client {
	t.Helper()
	c, err := remote.Dialer{TLS: trust, Token: token, Timeout: 5 * time.Minute}.Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// handshake opens a TLS connection, which is closed when the test ends. A connection
// that the server rejects counts as opened.
func handshake(t *testing.T, address string, trust *tls.Config, protocol string) net.Conn {
	t.Helper()
	config := trust.Clone()
	config.NextProtos = []string{protocol}
	c, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		return nil
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestAConnectionWithoutCredentialsTakesNoPlaceFromAnOperator(t *testing.T) {
	address, trust := serveTokens(t, sup.Control(sup.New(sup.Spec[idle]{Name: "tree"})), func(c *remote.Config) { c.HeaderTimeout = time.Hour })
	ops := client(t, address, trust, secret)
	if _, err := ops.Status(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	for range remote.DefaultMaxConnections + 10 {
		if c := handshake(t, address, trust, "h2"); c == nil {
			t.Fatal("no connection")
		}
	}
	for _, c := range []*remote.Client{ops, client(t, address, trust, secret)} {
		if _, err := c.Status(t.Context(), ""); err != nil {
			t.Error(err)
		}
	}
}

// Over HTTP/2 the idle timeout must not apply to a connection without a request.
func TestAConnectionWithoutCredentialsIsClosedSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		server, config := overTLS(t)
		defer serve(t, sup.Control(sup.New(sup.Spec[idle]{Name: "tree"})), w, server)()
		c, err := w.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		config.NextProtos = []string{"h2"}
		config.VerifyConnection = nil
		secure := tls.Client(c, config)
		begun := time.Now()
		if _, err := io.WriteString(secure, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, secure)
		if took := time.Since(begun); took > 2*remote.DefaultHeaderTimeout {
			t.Errorf("it took %v", took)
		}
		secure.Close()
	})
}

// status returns a Status request with a token on a persistent connection.
func status(token string) string {
	return request("Status", plain+"Authorization: Bearer "+token+"\r\n", "{}")
}

func TestIdleConnectionsAreEvicted(t *testing.T) {
	for role, token := range map[string]string{"viewers": viewerSecret, "operators": secret} {
		address, trust := serveTokens(t, sup.Control(sup.New(sup.Spec[idle]{Name: "tree"})), func(c *remote.Config) { c.MaxConnections = 8 })
		for range 20 {
			c := handshake(t, address, trust, "http/1.1")
			if c == nil {
				t.Fatal("no connection")
			}
			if _, err := io.WriteString(c, status(token)); err != nil {
				t.Fatal(err)
			}
			if n, err := deadlined(c, time.Minute).Read(make([]byte, 1000)); n == 0 {
				t.Fatalf("no answer: %v", err)
			}
		}
		if _, err := client(t, address, trust, secret).Status(t.Context(), ""); err != nil {
			t.Errorf("with idle connections of %s: %v", role, err)
		}
	}
}

func TestBusyViewersLeavePlacesForOperators(t *testing.T) {
	address, trust := serveTokens(t, sup.Control(startShopOverTCP(t)), func(c *remote.Config) { c.MaxConnections = 8 })
	connected := 0
	for range 20 {
		c := handshake(t, address, trust, "http/1.1")
		if c == nil {
			continue
		}
		if _, err := io.WriteString(c, request("Events", "Content-Type: application/connect+json\r\nAuthorization: Bearer "+viewerSecret+"\r\n", framed(0, 2, "{}"))); err != nil {
			continue
		}
		answer := bufio.NewScanner(deadlined(c, time.Minute))
		for answer.Scan() {
			if line := answer.Text(); strings.Contains(line, `{"hello"`) {
				connected++
				break
			}
		}
	}
	if connected != 7 {
		t.Errorf("%d viewers have connections, want 7 of 8", connected)
	}
	for range 2 {
		if _, err := client(t, address, trust, secret).Status(t.Context(), ""); err != nil {
			t.Error(err)
		}
	}
}

func TestStreamsOfViewersLeavePlacesForOperators(t *testing.T) {
	address, trust := serveTokens(t, sup.Control(startShopOverTCP(t)), func(c *remote.Config) { c.MaxStreams = 4 })
	first := func(c *remote.Client) error {
		for _, err := range c.Events(t.Context(), "", 0) {
			return err
		}
		return nil
	}
	// An active stream holds a place.
	ctx, cancel := context.WithCancel(t.Context())
	var held sync.WaitGroup
	defer held.Wait()
	defer cancel()
	for range 3 {
		begun := make(chan error, 1)
		c := client(t, address, trust, viewerSecret)
		held.Go(func() {
			for _, err := range c.Events(ctx, "", 0) {
				select {
				case begun <- err:
				default:
				}
			}
		})
		if err := <-begun; err != nil {
			t.Fatal(err)
		}
	}
	if err := first(client(t, address, trust, viewerSecret)); !errors.Is(err, remote.ErrBusy) {
		t.Errorf("fourth stream of viewers: %v", err)
	}
	if err := first(client(t, address, trust, secret)); err != nil {
		t.Errorf("stream of an operator: %v", err)
	}
}

// startShopOverTCP starts a shop that is shut down when the test ends.
func startShopOverTCP(t *testing.T) *shop {
	t.Helper()
	s := startShop(t)
	t.Cleanup(func() { s.end(t) })
	return s
}

// countingController counts calls of Snapshot.
type countingController struct {
	sup.Controller
	trees atomic.Int32
}

func (c *countingController) Snapshot(ctx context.Context, path string) (sup.SupervisorInfo, error) {
	c.trees.Add(1)
	return c.Controller.Snapshot(ctx, path)
}

// A client that requests many snapshots and reads none must not make the server hold
// all of them.
func TestAViewerThatReadsNothingHoldsFewResponses(t *testing.T) {
	rooms := sup.NewKeyed(sup.KeyedSpec[int, idle]{Name: "rooms", Start: func(context.Context, int) (idle, error) { return idle{}, nil }})
	if err := rooms.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rooms.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for n := range 1000 {
		if _, err := rooms.StartChild(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	all := &countingController{Controller: sup.Control(rooms)}
	address, trust := serveTokens(t, all, func(c *remote.Config) { c.WriteTimeout = time.Hour })
	ctx, cancel := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	defer flood.Wait()
	defer cancel()
	var busy atomic.Int32
	const requests = 640
	for range 10 { // connections
		transport := &http.Transport{Protocols: new(http.Protocols), TLSClientConfig: trust.Clone(), DisableCompression: true, HTTP2: &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10}}
		transport.Protocols.SetHTTP2(true)
		defer transport.CloseIdleConnections()
		ask := func(method string) (*http.Response, error) {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+address+control+method, strings.NewReader("{}"))
			if err != nil {
				return nil, err
			}
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Authorization", "Bearer "+viewerSecret)
			return transport.RoundTrip(r)
		}
		first, err := ask("Nothing") // makes the one connection of this transport
		if err != nil {
			t.Fatal(err)
		}
		first.Body.Close()
		for range requests / 10 {
			flood.Go(func() {
				answer, err := ask("Snapshot")
				switch {
				case err != nil && ctx.Err() == nil:
					t.Error(err)
				case err != nil:
				case answer.StatusCode == http.StatusTooManyRequests:
					busy.Add(1)
					answer.Body.Close()
				default:
					<-ctx.Done() // and reads nothing
					answer.Body.Close()
				}
			})
		}
	}
	eventually(t, func() bool { return busy.Load() == requests-remote.DefaultMaxCalls && all.trees.Load() > 0 })
	ops := client(t, address, trust, secret)
	for range 10 { // an operator does not wait
		if tree, err := ops.Snapshot(t.Context(), ""); err != nil || len(tree.Children) != 1000 {
			t.Errorf("%d children, %v", len(tree.Children), err)
		}
	}
	if n := all.trees.Load() - 10; n > 4 {
		t.Errorf("%d snapshots for the viewer in memory, want 4 at most", n)
	}
	_, err := client(t, address, trust, viewerSecret).Status(t.Context(), "")
	if !errors.Is(err, remote.ErrBusy) {
		t.Errorf("another call of the viewer: %v", err)
	}
}

// eventually waits for a condition that other goroutines bring about.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("condition not met in time")
		}
	}
}
