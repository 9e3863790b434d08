package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

type idle struct{}

func (idle) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// frank is a worker that returns the cause of its context.
type frank struct{}

func (frank) Run(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

var errNoFeed = errors.New("there is no such feed")

// startOrders starts a tree with a control server, and returns its address.
func startOrders(t *testing.T) (address string, s *sup.Supervisor[sup.Worker]) {
	t.Helper()
	address = "unix:" + filepath.Join(t.TempDir(), "run", "control.sock")
	feeds := sup.NewKeyed(sup.KeyedSpec[string, idle]{Name: "feeds", Max: 3, Start: func(_ context.Context, key string) (idle, error) {
		if key == "none" {
			return idle{}, errNoFeed
		}
		return idle{}, nil
	}})
	start := func(w sup.Worker) func(context.Context) (sup.Worker, error) {
		return func(context.Context) (sup.Worker, error) { return w, nil }
	}
	s = sup.New(sup.Spec[sup.Worker]{Name: "orders", Children: []sup.ChildSpec[sup.Worker]{
		{ID: "control", Start: func(context.Context) (sup.Worker, error) {
			return remote.NewServer(sup.Control(s), remote.Config{Address: address, Logger: slog.New(slog.DiscardHandler)}), nil
		}},
		{ID: "db", Start: start(idle{})},
		{ID: "feeds", Start: start(feeds)},
		{ID: "temp", Start: start(idle{}), Restart: sup.Temporary},
		{ID: "web", Start: start(frank{})},
	}})
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	for _, key := range []string{"\x1b[31mred", "ACME"} {
		if _, err := feeds.StartChild(context.Background(), key); err != nil {
			t.Fatal(err)
		}
	}
	return address, s
}

// supctl runs a command line and checks its exit code.
func supctl(t *testing.T, want int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, err strings.Builder
	if got := run(t.Context(), args, &out, &err); got != want {
		t.Errorf("supctl %s: exit code %d, want %d; output:\n%s%s", strings.Join(args, " "), got, want, out.String(), err.String())
	}
	return out.String(), err.String()
}

func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in:\n%s", part, text)
		}
	}
}

func TestAllCommandsOfAnOperator(t *testing.T) {
	address, s := startOrders(t)
	steps := []struct {
		code int
		args string
		says string // part of what is said
	}{
		{0, "tree", "├── feeds"},
		{0, "tree orders/feeds", "└── ACME"},
		{0, "tree orders/feeds", "orders/feeds    running  up "},
		{0, "tree", ", keyed, max 3, 3/5s\n"},
		{0, "status orders/feeds", "set         keyed, max 3\n"},
		{0, "status", "below them  2: 2 running\n"},
		{0, "tree", `├── %1B[31mred`},
		{0, "children orders/feeds", `%1B[31mred`},
		{0, "events orders/feeds/%1B[31mred", "child ready         orders/feeds/%1B[31mred #1\n"},
		{0, "children orders/feeds/", "ACME        running"},
		{0, "status orders/feeds/%1B[31mred", "running"},
		{0, "status", "5: 5 running"},
		{0, "status orders/db", "incarnation 1"},
		{0, "status --check", "running"},
		{0, "start orders/feeds IBM", "orders/feeds/IBM: started"},
		{4, "start orders/feeds IBM", "supctl status orders/feeds/IBM"},
		{4, "start orders/feeds SAP", "maximum of children reached: 3"},
		{4, "start orders/db x", "supctl tree"},
		{0, "restart orders/db", "orders/db: restarted"},
		{0, "status orders/db", "last exit   shutdown\n"},
		{0, "events orders/db", "child exited        orders/db #1  shutdown\n"},
		{0, "restart orders/web", "orders/web: restarted"},
		{0, "status orders/web", "last exit   shutdown: termination by an operator\n"},
		{4, "restart orders/db --incarnation 1", "supctl status orders/db"},
		{0, "restart orders/db --incarnation 2", "orders/db: restarted"},
		{4, "restart orders/temp", "temporary child still running"},
		{4, "restart orders/control", "supctl shutdown orders\n"},
		{4, "delete orders/db", "supctl terminate orders/db"},
		{0, "terminate orders/feeds/IBM", "orders/feeds/IBM: terminated"},
		{0, "terminate orders/feeds/IBM", "orders/feeds/IBM: terminated"},
		{0, "status orders/feeds/IBM", "stopped"},
		{0, "tree orders/feeds", "last exit shutdown\n"},
		{4, "start orders/feeds IBM", "supctl restart orders/feeds/IBM"},
		{0, "delete orders/feeds/IBM", "orders/feeds/IBM: deleted"},
		{9, "start orders/feeds none", errNoFeed.Error()},
		{3, "status orders/nothing", "supctl children orders"},
		{3, "events orders/nothing", "supctl children orders"},
		{0, "events orders/feeds/IBM", "child removed"},
		{0, "stacks orders/db", "idle.Run"},
		{0, "record orders/feeds", `{"flight":1,`},
		{4, "record orders/db", "not a supervisor"},
		{0, "shutdown orders/feeds", "orders/feeds: shut down"},
		{0, "status orders/feeds", "stopped"},
		{0, "stacks orders/feeds", "is not running"},
		{0, "shutdown orders", "orders: shut down"},
	}
	for _, step := range steps {
		out, err := supctl(t, step.code, append([]string{"-a", address}, strings.Split(step.args, " ")...)...)
		contains(t, out+err, step.says)
		if strings.Contains(out+err, "\x1b") {
			t.Errorf("supctl %s prints foreign escape sequences: %q", step.args, out+err)
		}
	}
	<-s.Done()
	_, err := supctl(t, exitUnreachable, "-a", address, "tree")
	contains(t, err, "is the program running")
}

func TestWrongCommandLinesExitWithUsage(t *testing.T) {
	t.Setenv("SUPCTL_ADDRESS", "")
	for _, line := range []string{
		"frob", "tree", "-a unix:/x tree a b", "-a unix:/x restart", "-a unix:/x start a", "-a unix:/x -o xml tree",
		"-a x tree", "-a unix: tree", "--frob", "-a localhost:1 --cert x tree", "-a localhost:1 --token-file /nothing/there tree",
		"-a localhost:1 --ca /nothing/there tree", "-a unix:/x restart --incarnation -1 a", "-a unix:/x events --now", "-a unix:/x --timeout x tree",
		"-a unix:/x --timeout -1s tree", "-a unix:/x --patience -1s tree", "-a unix:/x --timeout -1s record",
	} {
		_, err := supctl(t, exitUsage, strings.Split(line, " ")...)
		contains(t, err, "supctl help")
	}
}

func TestTimeoutZeroMeansNoLimit(t *testing.T) {
	address, _ := startOrders(t)
	for _, line := range []string{
		"tree", "children", "status orders/db", "stacks orders/db", "events", "record", "start orders/feeds IBM", "terminate orders/feeds/IBM",
		"restart orders/feeds/IBM", "restart orders/feeds/IBM", "terminate orders/feeds/IBM", "delete orders/feeds/IBM", "shutdown orders",
	} {
		supctl(t, exitDone, append([]string{"-a", address, "--timeout", "0"}, strings.Split(line, " ")...)...)
	}
}

func TestAnErrorBeginsWithItsPath(t *testing.T) {
	address, _ := startOrders(t)
	for _, c := range []struct {
		code       int
		line, says string
	}{
		{exitNotFound, "restart orders/nothing", "supctl: orders/nothing: replace: not found\n"},
		{exitNotFound, "tree orders/nothing", "supctl: orders/nothing: query: not found\n"},
		{exitUnreachable, "-a unix:/nobody tree", "supctl: unix:/nobody: control server not reachable: "},
	} {
		_, err := supctl(t, c.code, append([]string{"-a", address}, strings.Split(c.line, " ")...)...)
		if !strings.HasPrefix(err, c.says) {
			t.Errorf("supctl %s prints\n%swant the beginning\n%s", c.line, err, c.says)
		}
	}
}
