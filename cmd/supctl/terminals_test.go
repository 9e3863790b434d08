package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// TestMain makes the test binary the program with the control server, or supctl, if the
// environment says so. Each runs as a process, possibly in another network.
func TestMain(m *testing.M) {
	switch os.Getenv("SUPCTL_TEST_IS") {
	case "program":
		if err := program(os.Args[1], os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "supctl":
		main()
	default:
		os.Exit(m.Run())
	}
}

// program runs a tree with a control server, which uses TLS if there are files. It
// prints when the tree is running and when each child stops.
func program(address string, files []string) error {
	ctx := context.Background()
	config := remote.Config{Address: address}
	if len(files) == 3 {
		var err error
		if config.TLS, err = remote.ServerTLS(files[0], files[1], files[2]); err != nil {
			return err
		}
		config.Access = []remote.Grant{remote.Certificate("ops", remote.Operator), remote.Certificate("watch", remote.Viewer)}
	}
	var s *sup.Supervisor[sup.Worker]
	start := func(w sup.Worker) func(context.Context) (sup.Worker, error) {
		return func(context.Context) (sup.Worker, error) { return w, nil }
	}
	feeds := sup.NewKeyed(sup.KeyedSpec[string, idle]{Name: "feeds", Start: func(context.Context, string) (idle, error) { return idle{}, nil }})
	stops := sup.ObserverFunc(func(e sup.Event) {
		if e.Kind == sup.ChildStopping || e.Kind == sup.SupervisorStarted || e.Kind == sup.SupervisorStopped {
			fmt.Println(e.Kind, e.Path)
		}
	})
	s = sup.New(sup.Spec[sup.Worker]{Name: "orders", Observers: []sup.Observer{stops}, Children: []sup.ChildSpec[sup.Worker]{
		{ID: "control", Start: func(context.Context) (sup.Worker, error) { return remote.NewServer(sup.Control(s), config), nil }},
		{ID: "db", Start: start(idle{})},
		{ID: "feeds", Start: start(feeds)},
		{ID: "web", Start: start(idle{})},
	}})
	return s.Run(ctx)
}

// A terminal runs commands in a network namespace, or in this one.
type terminal []string

func (at terminal) command(t *testing.T, is string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	line := slices.Concat(at, []string{self}, args)
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	cmd.Env = append(os.Environ(), "SUPCTL_TEST_IS="+is)
	return cmd
}

// supctl runs a command line and returns its output and exit code.
func (at terminal) supctl(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := at.command(t, "supctl", args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// operate watches the program from another terminal, restarts its children one by one,
// and shuts it down.
func operate(t *testing.T, first, second terminal, address string, serverArgs, clientArgs []string) {
	t.Helper()
	p := first.command(t, "program", append([]string{address}, serverArgs...)...)
	p.Stderr = os.Stderr
	stdout, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && lines.Text() != "supervisor started orders" {
	}
	ctl := func(want int, args ...string) string {
		t.Helper()
		out, code := second.supctl(t, slices.Concat([]string{"-a", address, "--timeout", "20s"}, clientArgs, args)...)
		if code != want {
			t.Errorf("supctl %s: exit code %d, want %d:\n%s", strings.Join(args, " "), code, want, out)
		}
		return out
	}
	contains(t, ctl(0, "tree"), "├── control", "├── db", "├── feeds", "└── web")
	ctl(0, "start", "orders/feeds", "ACME")
	for _, path := range []string{"orders/db", "orders/feeds/ACME", "orders/feeds", "orders/web"} {
		contains(t, ctl(0, "restart", path), path+": restarted")
	}
	contains(t, ctl(0, "events"), "orders/feeds/ACME #2")
	contains(t, ctl(0, "status", "orders/web"), "incarnation 2")
	ctl(exitNotFound, "restart", "orders/nothing")
	ctl(0, "shutdown", "orders")

	var stopped []string
	for lines.Scan() {
		if path, ok := strings.CutPrefix(lines.Text(), "child stopping "); ok {
			stopped = append(stopped, path)
		}
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
	want := []string{"orders/web", "orders/feeds", "orders/db", "orders/control"}
	if diff := cmp.Diff(want, stopped[max(0, len(stopped)-4):]); diff != "" {
		t.Errorf("stopped (-want +got):\n%s", diff)
	}
	ctl(exitUnreachable, "tree")
}

func TestOperatingFromASecondTerminal(t *testing.T) {
	operate(t, nil, nil, "unix:"+filepath.Join(t.TempDir(), "run", "control.sock"), nil, nil)
}

// Two networks are connected by a virtual cable only. The clients have certificates.
func TestOperatingFromAnotherMachine(t *testing.T) {
	first, second := networks(t)
	files := certificates(t, "ops")
	server := []string{files.serverCert, files.serverKey, files.authority}
	operate(t, first, second, "10.77.0.1:7443", server, []string{"--ca", files.authority, "--cert", files.clientCert, "--key", files.clientKey})
}

func TestAMachineWithoutAGrantIsRejected(t *testing.T) {
	first, second := networks(t)
	ours, theirs := certificates(t, "ops"), certificates(t, "ops")
	p := first.command(t, "program", "10.77.0.1:7443", ours.serverCert, ours.serverKey, ours.authority)
	stdout, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	defer p.Wait()
	defer p.Process.Kill()
	bufio.NewScanner(stdout).Scan()
	for _, c := range []struct {
		code int
		args []string
	}{
		{exitDenied, []string{"--ca", ours.authority, "--cert", theirs.clientCert, "--key", theirs.clientKey, "tree"}},
		{exitDenied, []string{"--ca", ours.authority, "tree"}},
		{exitDenied, []string{"--ca", theirs.authority, "--cert", ours.clientCert, "--key", ours.clientKey, "tree"}},
		{exitDone, []string{"--ca", ours.authority, "--cert", ours.clientCert, "--key", ours.clientKey, "--patience", "10s", "tree"}},
	} {
		out, code := second.supctl(t, append([]string{"-a", "10.77.0.1:7443", "--patience", "10s"}, c.args...)...)
		if code != c.code {
			t.Errorf("supctl %v: exit code %d, want %d:\n%s", c.args, code, c.code, out)
		}
	}
}

func TestCurlSpeaksJSON(t *testing.T) {
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("SKIPPED: there is no curl; on Debian: apt-get install curl")
	}
	address, _ := startOrders(t)
	call := func(method, body string) map[string]any {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), "curl", "-sS", "--unix-socket", strings.TrimPrefix(address, "unix:"),
			"-H", "Content-Type: application/json", "-d", body, "http://localhost/espalier.v1.Control/"+method).Output()
		if err != nil {
			t.Fatal(err)
		}
		var answer map[string]any
		if err := json.NewDecoder(bytes.NewReader(out)).Decode(&answer); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return answer
	}
	if got := call("Child", `{"path":"orders/db"}`)["child"].(map[string]any)["state"]; got != "running" {
		t.Errorf("state %v", got)
	}
	if got := call("TerminateChild", `{"target":{"path":"orders/db"}}`); len(got) != 0 {
		t.Errorf("TerminateChild: %v", got)
	}
	got := call("TerminateChild", `{"target":{"path":"orders/nothing"}}`)
	if got["code"] != "not_found" || got["message"] != "orders/nothing: terminate: not found" {
		t.Errorf("missing child: %v", got)
	}
}
