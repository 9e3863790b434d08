package debug_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
)

// A wire is a listener with in-memory connections, for a bubble.
type wire struct {
	conns  chan net.Conn
	closed chan struct{}
	close  func()
}

func newWire() *wire {
	w := &wire{conns: make(chan net.Conn), closed: make(chan struct{})}
	w.close = sync.OnceFunc(func() { close(w.closed) })
	return w
}

func (w *wire) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	here, there := net.Pipe()
	select {
	case w.conns <- there:
		return here, nil
	case <-w.closed:
		return nil, errors.New("closed listener")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w *wire) Accept() (net.Conn, error) {
	select {
	case c := <-w.conns:
		return c, nil
	case <-w.closed:
		return nil, net.ErrClosed
	}
}

func (w *wire) Close() error   { w.close(); return nil }
func (w *wire) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 443} }

// serve serves a handler in a bubble, and returns a client.
func serve(t *testing.T, h http.Handler, http2 bool) (c *http.Client, url string, end func()) {
	t.Helper()
	w := newWire()
	srv := httptest.NewUnstartedServer(h)
	if err := srv.Listener.Close(); err != nil { // a network connection does not belong to the bubble
		t.Fatal(err)
	}
	srv.Listener, srv.EnableHTTP2 = w, http2
	srv.StartTLS()
	c = srv.Client()
	c.Transport.(*http.Transport).DialContext = w.dial
	return c, srv.URL, func() {
		c.CloseIdleConnections()
		srv.Close()
	}
}

// A stream without changes is written every 15 seconds, and each write has a deadline of
// ten seconds.
func TestAQuietStreamStaysOpen(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		for _, file := range []string{"events", "watch?name=c"} {
			t.Run(proto+" "+file, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var c kv.Context[string, int]
					h := debug.Handler(sup.Inspect(sup.New(auction())), debug.Keys("c", &c))
					client, url, end := serve(t, h, proto == "HTTP/2.0")
					defer end()
					ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
					defer cancel()
					r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/"+file, nil)
					if err != nil {
						t.Fatal(err)
					}
					began := time.Now()
					answer, err := client.Do(r)
					if err != nil {
						t.Fatal(err)
					}
					defer answer.Body.Close()
					if answer.Proto != proto {
						t.Fatalf("protocol %s", answer.Proto)
					}
					alive := 0
					lines := bufio.NewScanner(answer.Body)
					for lines.Scan() {
						if lines.Text() == ":" {
							alive++
						}
					}
					if took := time.Since(began); took != 5*time.Minute || alive < 18 {
						t.Errorf("it ended after %v: %v; keep-alives: %d", took, lines.Err(), alive)
					}
				})
			})
		}
	}
}

func TestAClientThatDoesNotReadLosesItsStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if took := unread(t, debug.Handler(sup.Inspect(sup.New(auction()))), nil, "events"); took != 10*time.Second {
			t.Errorf("ended after %v", took)
		}
	})
}
