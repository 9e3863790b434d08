//go:build unix

package plugin_test

import (
	"context"
	"os"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/proc"
)

// wires are the two ways to talk to a plugin.
var wires = []string{"grpc", "netrpc"}

// specOf returns the spec of a plugin of a kind: the test binary again.
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
		StartTimeout: 30 * time.Second, // that no busy machine is noticed
	}
	if kind == "netrpc" || kind == "other-name" {
		spec.Dial = plugin.NetRPC(newRPCWords)
	}
	return spec
}

// environ is the environment in which the test binary is a plugin of a kind. A
// binary with the race detector sleeps for a second before it exits, otherwise.
func environ(kind string) []string {
	return append(os.Environ(), role+"="+kind, "GORACE=atexit_sleep_ms=0")
}

// host is a supervisor of one plugin.
type host struct {
	*sup.Supervisor[*plugin.Client[Words]]
	child  sup.Child[*plugin.Client[Words]]
	source *plugin.Source[Words]
}

// start starts a host, which ends with the test.
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

// tell has the plugin do something.
func (h host) tell(ctx context.Context, order string, opts ...plugin.Option) (answer string, err error) {
	err = plugin.Do(ctx, h.child, func(ctx context.Context, w Words) error {
		answer, err = w.Tell(ctx, order)
		return err
	}, opts...)
	return answer, err
}

// pid returns the process of the live plugin.
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

// kill sends SIGKILL to the live plugin, and returns when that is known.
func (h host) kill(tb testing.TB) {
	tb.Helper()
	c, err := h.child.Wait(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	if err := syscall.Kill(c.Pid(), syscall.SIGKILL); err != nil {
		tb.Fatal(err)
	}
	eventually(tb, "the end of the plugin is noticed", func() bool {
		live, ok := h.child.Get()
		return !ok || live != c
	})
}

// eventually polls a condition for half a minute.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			tb.Fatal("not within 30s: " + what)
		}
	}
}

// exists reports whether a process is there, zombies apart.
func exists(pid int) bool { return syscall.Kill(pid, 0) == nil }
