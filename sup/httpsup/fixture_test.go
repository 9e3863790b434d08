package httpsup_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/leaks"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/httpsup"
)

func TestMain(m *testing.M) { os.Exit(leaks.Run(m)) }

// A memory is a listener without a network, so that a test can run in virtual time.
type memory struct {
	conns chan net.Conn

	mu       sync.Mutex
	deadline chan struct{} // closed while the deadline has passed
}

func listenInMemory() *memory {
	return &memory{conns: make(chan net.Conn, 100), deadline: make(chan struct{})}
}

type memoryAddr struct{}

func (memoryAddr) Network() string { return "memory" }
func (memoryAddr) String() string  { return "here" }

func (m *memory) Addr() net.Addr { return memoryAddr{} }
func (m *memory) Close() error   { return nil }

func (m *memory) SetDeadline(t time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t.IsZero() {
		m.deadline = make(chan struct{})
	} else {
		close(m.deadline)
	}
	return nil
}

func (m *memory) Accept() (net.Conn, error) {
	m.mu.Lock()
	deadline := m.deadline
	m.mu.Unlock()
	select {
	case <-deadline:
		return nil, os.ErrDeadlineExceeded
	default:
	}
	select {
	case c := <-m.conns:
		return c, nil
	case <-deadline:
		return nil, os.ErrDeadlineExceeded
	}
}

// client returns a client whose connections go to the listener, each for one request.
func (m *memory) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			here, there := net.Pipe()
			m.conns <- there
			return here, nil
		},
	}}
}

// start starts a tree with a server, and shuts it down when the test ends.
func start(t *testing.T, c sup.ChildSpec[*httpsup.Server], observers ...sup.Observer) *sup.Supervisor[*httpsup.Server] {
	t.Helper()
	c.ID = "http"
	s, err := sup.Start(context.Background(), sup.Spec[*httpsup.Server]{
		Name: "site", Intensity: sup.Unlimited, Observers: observers, Children: []sup.ChildSpec[*httpsup.Server]{c},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

// serves returns a start function of a server with a handler.
func serves(ln net.Listener, handler http.HandlerFunc) func(context.Context) (*httpsup.Server, error) {
	return func(context.Context) (*httpsup.Server, error) {
		if ln == nil {
			return httpsup.New(&http.Server{Addr: "127.0.0.1:0", Handler: handler}), nil
		}
		return httpsup.On(ln, &http.Server{Handler: handler}), nil
	}
}

// get returns the body of an answer.
func get(c *http.Client, url string) (string, error) {
	response, err := c.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return string(body), err
}

// lastExit returns how the last incarnation of the server ended.
func lastExit(s *sup.Supervisor[*httpsup.Server]) sup.Exit { return s.Children()[0].LastExit }
