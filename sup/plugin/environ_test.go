//go:build unix

package plugin_test

import (
	"errors"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/proc"
)

func TestPluginsDoNotInheritTheVariablesThatTheHostHasAsAPlugin(t *testing.T) {
	host := exec.Command("/proc/self/exe")
	host.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", role+"=nested-host=PLUGIN_CLIENT_CERT,PLUGIN_MULTIPLEX_GRPC,OUTER,BEFORE",
		"BEFORE=yes", "PLUGIN_CLIENT_CERT=of the host's host", "PLUGIN_MULTIPLEX_GRPC=true",
		"OUTER=cookie", "PLUGIN_MIN_PORT=1", "PLUGIN_MAX_PORT=2", "PLUGIN_PROTOCOL_VERSIONS=1")
	out, err := host.CombinedOutput()
	want := "PLUGIN_CLIENT_CERT=\nPLUGIN_MULTIPLEX_GRPC=\nOUTER=\nBEFORE=yes\n"
	if err != nil || string(out) != want {
		t.Errorf("%v: %s", err, out)
	}
}

// Env is passed on unchanged, so PLUGIN_CLIENT_CERT in it makes the plugin encrypt.
func TestAPluginThatEncryptsWithoutAutoMTLSIsRefused(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) {
			spec := specOf(t, wire)
			h := start(t, spec)
			spec.Command.Env = append(spec.Command.Env, "PLUGIN_CLIENT_CERT=of another")
			if err := startError(t, spec); !errors.Is(err, plugin.ErrHandshake) {
				t.Error(err)
			}
			if err := h.replace(t.Context(), t, spec); !errors.Is(err, plugin.ErrHandshake) {
				t.Error(err)
			}
		})
	}
}

// runnableByAll returns the path of the test binary in a directory that all users
// may enter.
func runnableByAll(t *testing.T) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "bin") // not t.TempDir, whose parent only this user may enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	path := filepath.Join(dir, "words")
	content, err := os.ReadFile(self)
	if err := errors.Join(err, os.Chmod(dir, 0o755), os.WriteFile(path, content, 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAPluginOfAnotherUserHasTheEnvironmentOfThatUser(t *testing.T) {
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) {
			t.Setenv(role, wire)
			t.Setenv("GORACE", "atexit_sleep_ms=0")
			spec := specOf(t, wire)
			spec.Command.Path, spec.Command.User, spec.Command.Env = runnableByAll(t), nobody.Username, nil
			if os.Geteuid() != 0 {
				if err := startError(t, spec); !errors.Is(err, proc.ErrCommand) && !strings.Contains(err.Error(), "only root may") {
					t.Error(err)
				}
				return
			}
			h := start(t, spec)
			for name, want := range map[string]string{"HOME": nobody.HomeDir, "USER": nobody.Username, "LOGNAME": nobody.Username} {
				if got, err := h.tell(t.Context(), "env "+name); got != want || err != nil {
					t.Errorf("%s is %q, %v; want %q", name, got, err, want)
				}
			}
		})
	}
}
