//go:build unix

package plugin_test

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"github.com/espalier-go/espalier/sup/plugin"
)

// A host that is itself a plugin keeps to itself what its own host told it.
func TestPluginsDoNotInheritWhatTheHostWasToldAsAPlugin(t *testing.T) {
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

// What Env has is passed on. A plugin that encrypts because of it is refused.
func TestAPluginThatEncryptsUnaskedIsRefused(t *testing.T) {
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
