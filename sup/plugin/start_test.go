//go:build unix

package plugin_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"

	"github.com/espalier-go/espalier/internal/leaks"
	"github.com/espalier-go/espalier/internal/patience"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/proc"
)

// startError starts a plugin that cannot be started, and returns the error.
func startError(t *testing.T, spec plugin.Spec[Words]) error {
	t.Helper()
	s, err := sup.Start(t.Context(), sup.Spec[*plugin.Client[Words]]{
		Children: []sup.ChildSpec[*plugin.Client[Words]]{{ID: "words", Start: plugin.NewSource(spec).Start}},
	})
	if err == nil {
		s.Shutdown(context.Background())
		t.Fatal("started without an error")
	}
	return err
}

func TestAPluginThatCannotBeUsedIsAStartErrorWithReasonAndLastOutput(t *testing.T) {
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	binary := func(path string) plugin.Spec[Words] {
		spec := specOf(t, "grpc")
		spec.Command.Path = path
		return spec
	}
	changed := func(kind string, change func(*plugin.Spec[Words])) plugin.Spec[Words] {
		spec := specOf(t, kind)
		change(&spec)
		return spec
	}
	for _, c := range []struct {
		name string
		spec plugin.Spec[Words]
		is   []error
		says string // with WITHIN for the timeout of the start
	}{
		{"is missing", binary("/there/is/none"), []error{plugin.ErrBinary, fs.ErrNotExist}, "/there/is/none"},
		{"is not executable", binary(file("plain", "text", 0o644)), []error{plugin.ErrBinary, fs.ErrPermission}, "plain"},
		{"is a directory", binary(t.TempDir()), []error{plugin.ErrBinary, fs.ErrPermission}, ""},
		{"has an unknown format", binary(file("text", "\x7fno ELF", 0o755)), []error{plugin.ErrBinary, syscall.ENOEXEC}, "exec format"},
		{"has no interpreter", binary(file("script", "#!/there/is/none\n", 0o755)), []error{plugin.ErrBinary, fs.ErrNotExist}, ""},
		{"is not a plugin and exits", binary("/bin/true"), []error{plugin.ErrHandshake}, "exit code 0"},
		{"is a script that fails", binary(file("fail", "#!/bin/sh\necho no paper >&2\nexit 9\n", 0o755)), []error{plugin.ErrHandshake}, `exit code 9; last output: "no paper"`},
		{"prints another line", specOf(t, "rubbish"), []error{plugin.ErrHandshake}, `no handshake: first line "Hello, I am no plugin."`},
		{"prints a line without an end", changed("endless", func(s *plugin.Spec[Words]) { s.StartTimeout = time.Second }), []error{plugin.ErrNotReady}, ""},
		{"exits first", specOf(t, "exit"), []error{plugin.ErrHandshake}, `exit code 3; last output: "I have no licence"`},
		{"has another cookie", changed("grpc", func(s *plugin.Spec[Words]) { s.Handshake.MagicCookieValue = "other" }), []error{plugin.ErrHandshake}, "another cookie: exit code 1"},
		{"has another version", specOf(t, "version=5"), []error{plugin.ErrVersion}, "protocol mismatch: version 5 of the plugin, 1 of the spec"},
		{"has another core version", specOf(t, "old-core"), []error{plugin.ErrVersion}, "version 7"},
		{"uses net/rpc instead of gRPC", changed("netrpc", func(s *plugin.Spec[Words]) { s.Dial = plugin.GRPC(newGRPCWords) }), []error{plugin.ErrVersion}, `"netrpc" of the plugin, ["grpc"] of version 1 in the spec`},
		{"uses gRPC instead of net/rpc", changed("grpc", func(s *plugin.Spec[Words]) { s.Dial = plugin.NetRPC(newRPCWords) }), []error{plugin.ErrVersion}, `"grpc" of the plugin, ["netrpc"] of version 1 in the spec`},
		{"serves another service", specOf(t, "other-service"), []error{plugin.ErrInterface}, "no service words.Words, which plugin_test.Words needs"},
		{"serves another service than its definition", changed("other-service", func(s *plugin.Spec[Words]) {
			s.Dial = plugin.Stub[Words](grpcWords{service: serviceName})
		}), []error{plugin.ErrInterface}, "no service words.Words"},
		{"serves another name", specOf(t, "other-name"), []error{plugin.ErrInterface}, `Spec.Serves is "plugin", and the plugin serves nothing under that name: unknown plugin type: plugin`},
		{"makes no T", changed("grpc", func(s *plugin.Spec[Words]) {
			s.Dial = plugin.Stub[Words](stringPlugin{})
		}), []error{plugin.ErrInterface}, "client of type string instead of plugin_test.Words"},
		{"gives an address without a listener", specOf(t, "nowhere"), []error{plugin.ErrUnreachable}, "/nowhere"},
		{"fails its probe", changed("grpc", func(s *plugin.Spec[Words]) {
			s.Probe = func(ctx context.Context, w Words) error {
				_, err := w.Tell(ctx, "fail too tired")
				return err
			}
		}), []error{plugin.ErrProbe}, "too tired"},
		{"fails a probe that runs a command", changed("grpc", func(s *plugin.Spec[Words]) {
			s.Probe = func(context.Context, Words) error {
				return proc.Exit{Path: "sh", Code: 3}.Err()
			}
		}), []error{plugin.ErrProbe, proc.ErrExit}, "probe failed: sh: exit code 3"},
		{"dies during its probe", changed("grpc", func(s *plugin.Spec[Words]) {
			s.Probe = func(ctx context.Context, w Words) error {
				_, err := w.Tell(ctx, "exit 6")
				return err
			}
		}), []error{plugin.ErrProbe}, ""},
		{"does not become ready", changed("silent", func(s *plugin.Spec[Words]) { s.StartTimeout = 300 * time.Millisecond }), []error{plugin.ErrNotReady}, `not ready within WITHIN; last output: "I am thinking"`},
		{"does not become ready during its probe", changed("grpc", func(s *plugin.Spec[Words]) {
			s.StartTimeout = 2 * time.Second
			s.Probe = func(ctx context.Context, w Words) error {
				_, err := w.Tell(ctx, "sleep 1h")
				return err
			}
		}), []error{plugin.ErrNotReady}, "not ready within WITHIN"},
	} {
		t.Run(c.name, func(t *testing.T) {
			patience.Scale(t, c.spec.StartTimeout, func(timeout time.Duration) error {
				spec := c.spec
				spec.StartTimeout = timeout
				err := startError(t, spec)
				failure, ok := errors.AsType[*plugin.StartError](err)
				if !ok {
					t.Fatalf("%T: %v", err, err)
				}
				for _, is := range append(c.is, sup.ErrStart) {
					if !errors.Is(err, is) {
						return fmt.Errorf("%w does not wrap %v", err, is)
					}
				}
				says := strings.ReplaceAll(c.says, "WITHIN", timeout.String())
				if text := err.Error(); !strings.Contains(text, says) || !strings.Contains(text, failure.Path) {
					return fmt.Errorf("no %q in %w", says, err)
				}
				return nil
			})
		})
	}
}

func TestTooLongATMPDIRIsAStartError(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	spec := specOf(t, "grpc")
	t.Setenv("TMPDIR", long)
	err := startError(t, spec)
	if !errors.Is(err, plugin.ErrSocket) || !strings.Contains(err.Error(), long) || !strings.Contains(err.Error(), "set TMPDIR") {
		t.Error(err)
	}
	if left := leaks.Files(long); left != "" {
		t.Error("left:", left)
	}
}

func TestASpecErrorListsAllFaults(t *testing.T) {
	err := startError(t, plugin.Spec[Words]{
		Command:      proc.Command{Env: []string{"novalue"}, Live: proc.Liveness{Interval: 1}, Stdout: proc.Piped},
		StartTimeout: -1,
		Liveness:     plugin.Liveness{Failures: -1},
	})
	faults, ok := errors.AsType[*plugin.SpecError](err)
	if !ok || !errors.Is(err, sup.ErrSpec) {
		t.Fatal(err)
	}
	for _, field := range []string{"Command.Path", "Command.Env[0]", "Command.Live", "Command.Stdout",
		"Handshake.MagicCookieKey", "Handshake.MagicCookieValue", "Dial", "StartTimeout", "Liveness.Failures", "Liveness.Interval"} {
		if !strings.Contains(strings.Join(faults.Faults, "\n"), field) {
			t.Errorf("no %s in %v", field, err)
		}
	}
}

func TestNothingRemainsAfterAPanicInDialOrProbe(t *testing.T) {
	for name, change := range map[string]func(*plugin.Spec[Words]){
		"Dial": func(s *plugin.Spec[Words]) {
			s.Dial = plugin.GRPC(func(context.Context, *grpc.ClientConn) (Words, error) { panic("no ink") })
		},
		"Probe": func(s *plugin.Spec[Words]) { s.Probe = func(context.Context, Words) error { panic("no ink") } },
	} {
		t.Run(name, func(t *testing.T) {
			spec := specOf(t, "grpc")
			change(&spec)
			if err := startError(t, spec); !errors.Is(err, sup.ErrPanic) {
				t.Error(err)
			}
			if n := countChildren(); n != 0 {
				t.Errorf("%d processes are running", n)
			}
		})
	}
}

func TestAClientCannotBeStartedTwice(t *testing.T) {
	c, err := plugin.NewSource(specOf(t, "grpc")).Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Initialize(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Initialize(t.Context()); err == nil {
		t.Error("started twice")
	}
	for range 2 {
		if err := c.Terminate(t.Context(), sup.Exit{}); err != nil {
			t.Error(err)
		}
	}
	if err := c.Do(t.Context(), nil); err != plugin.ErrEnded {
		t.Error(err)
	}
	if err := plugin.Do[Words](t.Context(), nil, nil); !errors.Is(err, sup.ErrNotFound) {
		t.Error(err)
	}
}

func TestHostAndPluginUseTheHighestCommonVersion(t *testing.T) {
	spec := specOf(t, "version=3")
	spec.Versions = map[int]plugin.Dialer[Words]{
		3: plugin.GRPC(newGRPCWords),
		4: plugin.GRPC(newGRPCWords),
	}
	h := start(t, spec)
	c, err := h.child.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if version, wire := c.Protocol(); version != 3 || wire != "grpc" {
		t.Errorf("version %d of %s", version, wire)
	}
}

func TestAStartEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	spec := specOf(t, "silent")
	spec.Command.Watch = func(proc.Line) { cancel() }
	_, err := sup.Start(ctx, sup.Spec[*plugin.Client[Words]]{
		Children: []sup.ChildSpec[*plugin.Client[Words]]{{ID: "words", Start: plugin.NewSource(spec).Start}},
	})
	if !errors.Is(err, sup.ErrShutdown) {
		t.Fatal(err)
	}
}

func TestTheConnectionCanBeEncrypted(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) {
			spec := specOf(t, wire)
			spec.AutoMTLS = true
			if _, err := start(t, spec).tell(t.Context(), "pid"); err != nil {
				t.Fatal(err)
			}
		})
	}
}
