package remote_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// A wire connects clients to a server within a synctest bubble, which has no network.
type wire struct {
	mu     sync.Mutex
	conns  chan net.Conn
	closed chan struct{}
	all    []net.Conn // the client's ends
}

func newWire() *wire { return &wire{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (w *wire) dial(ctx context.Context) (net.Conn, error) {
	w.mu.Lock()
	conns, closed := w.conns, w.closed
	w.mu.Unlock()
	here, there := net.Pipe()
	select {
	case conns <- there:
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all = append(w.all, here)
		return here, nil
	case <-closed:
		return nil, errors.New("nobody listens")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// listen returns a listener for the next server.
func (w *wire) listen() net.Listener {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.conns, w.closed = make(chan net.Conn), make(chan struct{})
	return &wireListener{conns: w.conns, closed: w.closed}
}

// cut closes all connections.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.all {
		c.Close()
	}
	w.all = nil
}

type wireListener struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *wireListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *wireListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *wireListener) Addr() net.Addr { return wireAddr{} }

type wireAddr struct{}

func (wireAddr) Network() string { return "wire" }
func (wireAddr) String() string  { return "wire:1" }

// A logbook keeps log records as text.
type logbook struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logbook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logbook) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logbook) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// serve starts to serve a controller, and returns a function that stops the server.
// Every client is an operator unless edit changes Access.
func serve(t *testing.T, c sup.Controller, w *wire, edit func(*remote.Config)) (stop func()) {
	t.Helper()
	config := remote.Config{
		Listener: w.listen(),
		Access:   []remote.Grant{remote.Anyone(remote.Operator)},
		Logger:   slog.New(slog.DiscardHandler),
	}
	if edit != nil {
		edit(&config)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s := remote.NewServer(c, config)
	if err := s.Initialize(ctx); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the server ended with %v", err)
		}
	})
}

// dial returns a client that is closed when the test ends.
func dial(t *testing.T, w *wire, d remote.Dialer) *remote.Client {
	t.Helper()
	d.Connect = w.dial
	c, err := d.Dial("wire:1")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// idle is a worker that waits to be stopped.
type idle struct{}

func (idle) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// failing is a worker that fails with the error it receives.
type failing struct{ fail chan error }

func newFailing() *failing { return &failing{make(chan error)} }

func (b *failing) Run(ctx context.Context) error {
	select {
	case err := <-b.fail:
		if p, ok := err.(panics); ok {
			panic(p.value)
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// panics is an error that makes a failing worker panic.
type panics struct {
	error
	value any
}

// ignoresStop is a worker that does not stop before a value arrives in its channel.
type ignoresStop struct{ hold chan struct{} }

func (s ignoresStop) Run(ctx context.Context) error {
	<-ctx.Done()
	<-s.hold
	return nil
}

var errLost = errors.New("the connection was lost")

// A shop is a tree with children of all kinds.
type shop struct {
	*sup.Supervisor[sup.Worker]
	db    *failing
	feeds *sup.Keyed[string, idle]
	hold  chan struct{}
}

func startShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{db: newFailing(), hold: make(chan struct{})}
	s.feeds = sup.NewKeyed(sup.KeyedSpec[string, idle]{
		Name: "feeds",
		Max:  3,
		Start: func(_ context.Context, key string) (idle, error) {
			if key == "none" {
				return idle{}, errLost
			}
			return idle{}, nil
		},
	})
	worker := func(w sup.Worker) func(context.Context) (sup.Worker, error) {
		return func(context.Context) (sup.Worker, error) { return w, nil }
	}
	s.Supervisor = sup.New(sup.Spec[sup.Worker]{Name: "shop", Intensity: sup.Unlimited, Children: []sup.ChildSpec[sup.Worker]{
		{ID: "db", Start: worker(s.db), Backoff: sup.Backoff{Min: time.Second}},
		{ID: "feeds", Start: worker(s.feeds)},
		{ID: "a/b%", Start: worker(idle{}), Restart: sup.Transient},
		{ID: "\xff", Start: worker(idle{}), Restart: sup.Temporary},
		{ID: "slow", Start: worker(ignoresStop{s.hold}), Shutdown: 5 * time.Second},
	}})
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.feeds.StartChild(context.Background(), "ACME"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shop) end(t *testing.T) {
	close(s.hold)
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}
