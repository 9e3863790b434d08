package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/espalier-go/espalier/internal/patience"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// serve serves a tree at an address, with a server outside of the tree.
func serve(t *testing.T, tree sup.AnySupervisor, address string) (stop func()) {
	t.Helper()
	server := remote.NewServer(sup.Control(tree), remote.Config{Address: address, Logger: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(context.Background())
	if err := server.Initialize(ctx); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("the server ended with %v", err)
		}
	})
}

// A follower is supctl events -f in a goroutine.
type follower struct {
	t              *testing.T
	path           string // of the socket
	stdout, stderr lines
	code           chan int
}

func follow(t *testing.T, address string, args ...string) *follower {
	f := &follower{t: t, path: strings.TrimPrefix(address, "unix:"), code: make(chan int, 1)}
	go func() {
		f.code <- run(t.Context(), append([]string{"-a", address, "events", "-f"}, args...), &f.stdout, &f.stderr)
	}()
	return f
}

// lines collects what is written.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// says waits for a text in the output.
func (f *follower) says(l *lines, text string) {
	f.t.Helper()
	for deadline := time.Now().Add(patience.Bound); !strings.Contains(l.String(), text); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			f.t.Fatalf("%q is not said; this is:\n%s%s", text, &f.stdout, &f.stderr)
		}
	}
}

// ended checks the exit code, and that stderr has that many lines, each short.
func (f *follower) ended(code, lines int) {
	f.t.Helper()
	if got := <-f.code; got != code {
		f.t.Errorf("exit code %d, want %d", got, code)
	}
	said := strings.SplitAfter(strings.TrimSpace(f.stderr.String()), "\n")
	if len(said) != lines {
		f.t.Errorf("%d lines, want %d:\n%s", len(said), lines, &f.stderr)
	}
	for _, line := range said {
		if len(strings.ReplaceAll(line, f.path, "")) > 150 {
			f.t.Errorf("line %q", line)
		}
	}
}

func startPlain(t *testing.T) (address string, tree *sup.Supervisor[idle]) {
	t.Helper()
	tree, err := sup.Start(context.Background(), sup.Spec[idle]{Name: "app", Children: []sup.ChildSpec[idle]{
		{ID: "a", Start: func(context.Context) (idle, error) { return idle{}, nil }},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tree.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return "unix:" + filepath.Join(t.TempDir(), "run", "control.sock"), tree
}

func TestFollowResumesAfterALostConnectionAndEndsWithTheTree(t *testing.T) {
	address, tree := startPlain(t)
	stop := serve(t, tree, address)
	f := follow(t, address)
	f.says(&f.stdout, "supervisor started  app")
	stop()
	f.says(&f.stderr, "event stream interrupted: control server ending; retrying for 1m0s\n")
	if err := tree.TerminateChild(t.Context(), "a"); err != nil {
		t.Error(err)
	}
	stop = serve(t, tree, address)
	defer stop()
	f.says(&f.stdout, "child stopped")
	f.says(&f.stderr, "event stream resumed\n")
	if err := tree.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	f.ended(exitDone, 3)
	contains(t, f.stderr.String(), "supctl: tree ended, no more events\n")
}

func TestFollowEndsAfterPatience(t *testing.T) {
	address, tree := startPlain(t)
	stop := serve(t, tree, address)
	f := follow(t, address, "--patience", "300ms")
	f.says(&f.stdout, "supervisor started  app")
	stop()
	f.ended(exitUnreachable, 3)
	contains(t, f.stderr.String(), "event stream interrupted: ", "retrying for 300ms\n", "\nsupctl: "+address+": control server not reachable: ", "\nis the program running")

	f = follow(t, address) // nobody is there to begin with
	f.ended(exitUnreachable, 2)
	if f.stdout.String() != "" {
		t.Errorf("stdout: %s", &f.stdout)
	}
}

// A server that is part of the tree ends before the tree does.
func TestFollowEndsWithAServerInTheTree(t *testing.T) {
	address, s := startOrders(t)
	f := follow(t, address, "--patience", "0")
	f.says(&f.stdout, "supervisor started  orders")
	if err := s.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	f.ended(exitUnreachable, 2)
	contains(t, f.stderr.String(), "supctl: control server ending\n")
}

func TestAnEventLineShowsThatTheHostIsExhausted(t *testing.T) {
	line := eventLine(sup.Event{Kind: sup.ChildRestarting, Path: "app/a", Incarnation: 2, Delay: time.Second, HostExhausted: true})
	contains(t, ansi.Strip(line), "child restarting    app/a #2 after 1s  host exhausted")
}
