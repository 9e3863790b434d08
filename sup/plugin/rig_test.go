//go:build unix

package plugin_test

import (
	"context"
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/espalier-go/espalier/internal/patience"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/proc"
)

// wires are the two protocols of go-plugin.
var wires = []string{"grpc", "netrpc"}

// specOf returns the spec of a plugin, which is the test binary.
func specOf(tb testing.TB, kind string) plugin.Spec[Words] {
	tb.Helper()
	self, err := os.Executable()
	if err != nil {
		tb.Fatal(err)
	}
	spec := plugin.Spec[Words]{
		Name:         "words",
		Command:      proc.Command{Path: self, Env: environ(kind), Stdout: proc.Kept, Stderr: proc.Kept},
		Handshake:    handshake,
		Dial:         plugin.GRPC(newGRPCWords, serviceName),
		StartTimeout: patience.Bound,
	}
	if kind == "netrpc" || kind == "other-name" {
		spec.Dial = plugin.NetRPC(newRPCWords)
	}
	return spec
}

// environ returns the environment in which the test binary is a plugin of a kind. With
// the race detector, it would sleep for a second before it exits, by default.
func environ(kind string) []string {
	return append(os.Environ(), role+"="+kind, "GORACE=atexit_sleep_ms=0")
}

// host is a supervisor with one plugin.
type host struct {
	*sup.Supervisor[*plugin.Client[Words]]
	child  sup.Child[*plugin.Client[Words]]
	source *plugin.Source[Words]
}

// start starts a host that ends with the test.
func start(tb testing.TB, spec plugin.Spec[Words], change ...func(*sup.ChildSpec[*plugin.Client[Words]])) host {
	tb.Helper()
	source := plugin.NewSource(spec)
	child := sup.ChildSpec[*plugin.Client[Words]]{ID: "words", Start: source.Start}
	for _, c := range change {
		c(&child)
	}
	s, err := sup.Start(context.Background(), sup.Spec[*plugin.Client[Words]]{
		Name:      "host",
		Intensity: sup.Unlimited,
		Children:  []sup.ChildSpec[*plugin.Client[Words]]{child},
	})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Shutdown(context.Background()); err != nil {
			tb.Error(err)
		}
	})
	return host{s, s.Child("words"), source}
}

// tell makes the plugin do something.
func (h host) tell(ctx context.Context, order string, opts ...plugin.Option) (answer string, err error) {
	err = plugin.Do(ctx, h.child, func(ctx context.Context, w Words) error {
		answer, err = w.Tell(ctx, order)
		return err
	}, opts...)
	return answer, err
}

// pid returns the process id of the live plugin.
func (h host) pid(tb testing.TB) int {
	tb.Helper()
	answer, err := h.tell(tb.Context(), "pid")
	if err != nil {
		tb.Fatal(err)
	}
	pid, err := strconv.Atoi(answer)
	if err != nil {
		tb.Fatal(err)
	}
	return pid
}

// kill sends SIGKILL to the live plugin, and returns when the child has left its state.
func (h host) kill(tb testing.TB) {
	tb.Helper()
	c, err := h.child.Wait(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	if err := syscall.Kill(c.Pid(), syscall.SIGKILL); err != nil {
		tb.Fatal(err)
	}
	eventually(tb, "the end of the plugin is known", func() bool {
		live, ok := h.child.Get()
		return !ok || live != c
	})
}

// eventually polls a condition.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	patience.Until(tb, what, holds)
}

// exists reports whether a process exists. A zombie exists too.
func exists(pid int) bool { return syscall.Kill(pid, 0) == nil }
