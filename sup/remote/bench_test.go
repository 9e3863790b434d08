package remote_test

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// BenchmarkRestart measures a crash and the restart after it: without clients, with
// eight clients that read events, and with eight clients that never read. Writing to
// readers costs CPU time. Clients that never read must cost nothing, so the first and
// the last result must be equal.
func BenchmarkRestart(b *testing.B) {
	for _, c := range []struct {
		name    string
		clients int
		reads   bool
	}{{"alone", 0, false}, {"read", 8, true}, {"never_read", 8, false}} {
		b.Run(c.name, func(b *testing.B) {
			fail := make(chan error)
			s, err := sup.Start(context.Background(), sup.Spec[sup.Worker]{Name: "tree", Intensity: sup.Unlimited, Children: []sup.ChildSpec[sup.Worker]{
				{ID: "worker", Start: func(context.Context) (sup.Worker, error) { return &failing{fail}, nil }},
			}})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Shutdown(context.Background())
			address := listenFor(b, sup.Control(s))
			for range c.clients {
				conn, err := net.Dial("unix", strings.TrimPrefix(address, "unix:"))
				if err != nil {
					b.Fatal(err)
				}
				defer conn.Close()
				io.WriteString(conn, request("Events", "Content-Type: application/connect+json\r\n", framed(0, 2, "{}")))
				hello := make([]byte, 1)
				if _, err := io.ReadFull(conn, hello); err != nil {
					b.Fatal(err)
				}
				if c.reads {
					go io.Copy(io.Discard, conn)
				}
			}
			if !c.reads && c.clients > 0 { // until what lies between is full
				for range 20_000 {
					fail <- errLost
				}
			}
			for b.Loop() {
				fail <- errLost
			}
		})
	}
}

// BenchmarkCall measures a snapshot of a tree with ten children, in the process and
// over a unix socket.
func BenchmarkCall(b *testing.B) {
	s := sup.NewKeyed(sup.KeyedSpec[string, idle]{Name: "tree", Start: func(context.Context, string) (idle, error) { return idle{}, nil }})
	if err := s.Start(context.Background()); err != nil {
		b.Fatal(err)
	}
	defer s.Shutdown(context.Background())
	for n := range 10 {
		if _, err := s.StartChild(context.Background(), strings.Repeat("x", n+1)); err != nil {
			b.Fatal(err)
		}
	}
	client, err := remote.Dial(listenFor(b, sup.Control(s)))
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	for name, i := range map[string]sup.Inspector{"process": sup.Inspect(s), "client": client} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := i.Snapshot(context.Background(), ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// listenFor serves a controller over a unix socket until the benchmark ends.
func listenFor(b *testing.B, c sup.Controller) (address string) {
	b.Helper()
	server := remote.NewServer(c, remote.Config{Address: "unix:" + filepath.Join(b.TempDir(), "control.sock"), Logger: silent})
	ctx, cancel := context.WithCancel(context.Background())
	if err := server.Initialize(ctx); err != nil {
		b.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	b.Cleanup(func() {
		cancel()
		<-ended
	})
	return server.Address()
}
