//go:build linux

package proc_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup/proc"
)

// The variables of systemd and go-plugin are meant for the host, unless Env has them.
func TestVariablesForTheHostAreNotInherited(t *testing.T) {
	forHost := []string{
		"LISTEN_FDNAMES", "LISTEN_FDS", "LISTEN_PID", "LISTEN_PIDFDID", "NOTIFY_FD", "NOTIFY_SOCKET", "PLUGIN_CLIENT_CERT",
		"PLUGIN_MAX_PORT", "PLUGIN_MIN_PORT", "PLUGIN_MULTIPLEX_GRPC", "PLUGIN_PROTOCOL_VERSIONS",
		"PLUGIN_UNIX_SOCKET_DIR", "PLUGIN_UNIX_SOCKET_GROUP", "WATCHDOG_PID", "WATCHDOG_USEC",
	}
	for _, name := range forHost {
		t.Setenv(name, "of the host")
	}
	t.Setenv("PLUGIN_OF_THE_USER", "of the host")
	inherited := func(env []string) []string {
		t.Helper()
		command := proc.Command{Path: "env", Env: env, Stdout: proc.Kept, Tail: 10_000}
		var names []string
		for _, text := range texts(exitOf(t, command).Lines) {
			if name, value, _ := strings.Cut(text, "="); value == "of the host" {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	for what, env := range map[string][]string{"nil": nil, "Environ": append(proc.Environ(), "A=b")} {
		if diff := cmp.Diff([]string{"PLUGIN_OF_THE_USER"}, inherited(env)); diff != "" {
			t.Errorf("with Env from %s: %s", what, diff)
		}
	}
	all := append(slices.Clone(forHost), "PLUGIN_OF_THE_USER")
	slices.Sort(all)
	if diff := cmp.Diff(all, inherited(os.Environ())); diff != "" {
		t.Errorf("with all of them in Env: %s", diff)
	}
}
