package remote_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/examplecheck"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

func TestEveryExportedEntryPointHasAnExample(t *testing.T) {
	examplecheck.EntryPoints(t, "github.com/espalier-go/espalier/sup/remote")
}

// silent discards the log of the examples.
var silent = slog.New(slog.DiscardHandler)

// socketFor returns an address in a directory that remove deletes.
func socketFor() (address string, remove func()) {
	dir, err := os.MkdirTemp("", "remote")
	if err != nil {
		log.Fatal(err)
	}
	return "unix:" + filepath.Join(dir, "control.sock"), func() { os.RemoveAll(dir) }
}

// startAuction starts a tree with a control server.
func startAuction(address string) *sup.Supervisor[sup.Worker] {
	s := sup.New(sup.Spec[sup.Worker]{Name: "auction", Children: []sup.ChildSpec[sup.Worker]{
		{ID: "control", Start: func(ctx context.Context) (sup.Worker, error) {
			return remote.NewServer(sup.Control(sup.Root(ctx)), remote.Config{Address: address, Logger: silent}), nil
		}},
		{ID: "ada", Start: func(context.Context) (sup.Worker, error) { return idle{}, nil }},
	}})
	if err := s.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	return s
}

// A client inspects, operates and shuts down a tree.
func Example() {
	address, remove := socketFor()
	defer remove()
	s := startAuction(address)

	ctx := context.Background()
	c, err := remote.Dial(address)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	tree, err := c.Snapshot(ctx, "")
	fmt.Print(tree)
	fmt.Println(err)
	fmt.Println(c.TerminateChild(ctx, sup.Target{Path: "auction/ada"}))
	fmt.Println(c.RestartChild(ctx, sup.Target{Path: "auction/ada"}))
	err = c.RestartChild(ctx, sup.Target{Path: "auction/eve"})
	fmt.Println(err, errors.Is(err, sup.ErrNotFound))
	fmt.Println(c.Shutdown(ctx, sup.Target{Path: "auction"}))
	<-s.Done()
	// Output:
	// auction one_for_one 3/5s
	// ├── control permanent running
	// └── ada permanent running
	// <nil>
	// <nil>
	// <nil>
	// auction/eve: restart: not found true
	// <nil>
}

func ExampleDial() {
	address, remove := socketFor()
	defer remove()
	s := startAuction(address)
	defer s.Shutdown(context.Background())
	c, err := remote.Dial(address)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	status, err := c.Status(context.Background(), "")
	fmt.Println(status.Name, status.States, err)
	_, err = remote.Dial("orders")
	fmt.Println(err)
	// Output:
	// auction map[running:2] <nil>
	// invalid configuration: address "orders": use "unix:PATH" or "host:port"
}

// Connect can open connections through a tunnel.
func ExampleDialer() {
	address, remove := socketFor()
	defer remove()
	s := startAuction(address)
	defer s.Shutdown(context.Background())
	d := remote.Dialer{
		Timeout: 10 * time.Second,
		Connect: func(ctx context.Context) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, "unix", address[len("unix:"):])
		},
	}
	c, err := d.Dial("tunnel:1")
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	child, err := c.Child(context.Background(), "auction/ada")
	fmt.Println(child.ID, child.State, err)
	// Output:
	// ada running <nil>
}

func ExampleClient_Events() {
	address, remove := socketFor()
	defer remove()
	s := startAuction(address)
	defer s.Shutdown(context.Background())
	c, err := remote.Dial(address)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	for e, err := range c.Events(context.Background(), "auction/ada", 0) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Seq, e.Kind, e.Path)
		if e.Kind == sup.ChildReady {
			break
		}
	}
	// Output:
	// 3 child starting auction/ada
	// 4 child ready auction/ada
}

func ExampleClient_Replace() {
	address, remove := socketFor()
	defer remove()
	s := startAuction(address)
	defer s.Shutdown(context.Background())
	c, err := remote.Dial(address)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	fmt.Println(c.Replace(context.Background(), sup.Target{Path: "auction/ada", Incarnation: 1}))
	child, err := c.Child(context.Background(), "auction/ada")
	fmt.Println(child.State, child.Incarnation, err)
	fmt.Println(c.Replace(context.Background(), sup.Target{Path: "auction/ada", Incarnation: 1}))
	// Output:
	// <nil>
	// running 2 <nil>
	// auction/ada: replace: not the current incarnation
}

// A shutdown that runs out of time returns the children that have not stopped.
func ExampleClient_Shutdown() {
	address, remove := socketFor()
	defer remove()
	hold := make(chan struct{})
	s := sup.New(sup.Spec[sup.Worker]{Name: "auction", Children: []sup.ChildSpec[sup.Worker]{
		{ID: "control", Start: func(ctx context.Context) (sup.Worker, error) {
			return remote.NewServer(sup.Control(sup.Root(ctx)), remote.Config{Address: address, Logger: silent}), nil
		}},
		{ID: "slow", Start: func(context.Context) (sup.Worker, error) { return ignoresStop{hold}, nil }, Shutdown: time.Minute},
	}})
	if err := s.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	c, err := remote.Dial(address)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err = c.Shutdown(ctx, sup.Target{Path: "auction"})
	if stuck, ok := errors.AsType[*sup.StuckError](err); ok {
		for _, child := range stuck.Children {
			fmt.Println(child.Path)
		}
		fmt.Println(stuck.NotAsked, "not asked yet") // the server itself
	}
	close(hold)
	<-s.Done()
	// Output:
	// auction/slow
	// 1 not asked yet
}

func ExampleNewServer() {
	address, remove := socketFor()
	defer remove()
	tree := sup.New(sup.Spec[idle]{Name: "auction"})
	s := remote.NewServer(sup.Control(tree), remote.Config{Address: address, Logger: silent})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	fmt.Println(s.Run(ctx))
	// Output:
	// context canceled
}

func ExampleServe() {
	address, remove := socketFor()
	defer remove()
	tree := sup.New(sup.Spec[idle]{Name: "auction"})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	err := remote.Serve(ctx, sup.Control(tree), remote.Config{Address: address, Logger: silent})
	fmt.Println(err)
	// Output:
	// context deadline exceeded
}

// A server on TCP with certificates for people and a token for a machine.
func ExampleConfig() {
	config := func(certificates *tls.Config) remote.Config {
		return remote.Config{
			Address: ":7443",
			TLS:     certificates, // see ServerTLS
			Access: []remote.Grant{
				remote.Certificate("alice@example.com", remote.Operator),
				remote.Certificate("*", remote.Viewer),
				remote.Token(os.Getenv("DEPLOY_TOKEN"), "deploy", remote.Operator),
			},
			MaxConnections: 16,
		}
	}
	err := remote.Serve(context.Background(), sup.Control(sup.New(sup.Spec[idle]{})), config(&tls.Config{}))
	fmt.Println(err)
	// Output:
	// invalid configuration: Access: Token "deploy" has 0 bytes: use at least 16; TLS has no certificate: use ServerTLS, or set Certificates or GetCertificate; TLS.ClientCAs is nil: set the authorities that sign client certificates
}

func ExampleServerTLS() {
	_, err := remote.ServerTLS("server.pem", "server.key", "clients.pem")
	fmt.Println(err)
	// Output:
	// certificate server.pem, key server.key: open server.pem: no such file or directory
}

func ExampleClientTLS() {
	config, err := remote.ClientTLS("", "", "") // the authorities of the system
	fmt.Println(tls.VersionName(config.MinVersion), err)
	// Output:
	// TLS 1.3 <nil>
}

// serveOnce starts a server with some grants on a unix socket, and stops it.
func serveOnce(grants ...remote.Grant) error {
	address, remove := socketFor()
	defer remove()
	s := remote.NewServer(sup.Control(sup.New(sup.Spec[idle]{Name: "auction"})), remote.Config{Address: address, Mode: 0o660, Access: grants, Logger: silent})
	if err := s.Initialize(context.Background()); err != nil {
		return err
	}
	return s.Terminate(context.Background(), sup.Exit{})
}

func ExampleUser() {
	fmt.Println(serveOnce(remote.User(1001, remote.Viewer)))
	// Output:
	// <nil>
}

func ExampleGroup() {
	fmt.Println(serveOnce(remote.Group(1001, remote.Operator)))
	// Output:
	// <nil>
}

func ExampleCertificate() {
	fmt.Println(serveOnce(remote.Certificate("alice@example.com", remote.Operator)))
	// Output:
	// invalid configuration: Access grants by certificate or token, but Address is a unix socket: use User or Group
}

func ExampleToken() {
	fmt.Println(serveOnce(remote.Token("too short", "deploy", remote.Viewer)))
	// Output:
	// invalid configuration: Access: Token "deploy" has 9 bytes: use at least 16; Access grants by certificate or token, but Address is a unix socket: use User or Group
}

func ExampleTokens() {
	fmt.Println(serveOnce(remote.Tokens(nil)))
	// Output:
	// invalid configuration: Access: Tokens has a nil function; Access grants by certificate or token, but Address is a unix socket: use User or Group
}

func ExampleAnyone() {
	s := remote.NewServer(sup.Control(sup.New(sup.Spec[idle]{})), remote.Config{Address: "0.0.0.0:7070", TLS: &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, io.EOF }}, Access: []remote.Grant{remote.Anyone(remote.Operator)}})
	fmt.Println(s.Initialize(context.Background()))
	// Output:
	// invalid configuration: Access grants to Anyone, but other machines can reach the server: use Certificate or Token
}
