package plugin_test

import (
	"bufio"
	"context"
	"fmt"
	"net/rpc"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
)

// Each benchmark is a pair: "limit" is the bare thing, without supervision.

// From SIGKILL to the next call that succeeds, against the start of the same
// binary with os/exec, until it has said its handshake.
func BenchmarkRestart(b *testing.B) {
	for _, wire := range wires {
		spec := specOf(b, wire)
		b.Run(wire+"/limit", func(b *testing.B) {
			for b.Loop() {
				bareStart(b, spec)
			}
		})
		b.Run(wire+"/go-plugin", func(b *testing.B) {
			for b.Loop() {
				client, w := goPlugin(b, spec)
				if _, err := w.Count(b.Context(), "one"); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				client.Kill()
				b.StartTimer()
			}
		})
		b.Run(wire+"/Do", func(b *testing.B) {
			h := start(b, spec)
			for b.Loop() {
				c, err := h.child.Wait(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				syscall.Kill(c.Pid(), syscall.SIGKILL)
				for {
					_, err := count(b.Context(), h.child, "one")
					if next, ok := h.child.Get(); err == nil && ok && next != c {
						break
					}
				}
			}
		})
	}
}

// bareStart starts a plugin with os/exec, reads its handshake, and kills it.
func bareStart(b *testing.B, spec plugin.Spec[Words]) {
	cmd := exec.Command(spec.Command.Path)
	cmd.Env = append(spec.Command.Env, handshake.MagicCookieKey+"="+handshake.MagicCookieValue, "PLUGIN_PROTOCOL_VERSIONS=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.Fatal(err)
	}
	b.StopTimer()
	cmd.Process.Kill()
	cmd.Wait()
	if socket := strings.Split(line, "|")[3]; socket != "" {
		syscall.Unlink(socket)
	}
	b.StartTimer()
}

// goPlugin starts a plugin with go-plugin alone.
func goPlugin(b *testing.B, spec plugin.Spec[Words]) (*goplugin.Client, Words) {
	cmd := exec.Command(spec.Command.Path)
	cmd.Env = spec.Command.Env
	client := goplugin.NewClient(&goplugin.ClientConfig{
		HandshakeConfig:  handshake,
		Plugins:          goplugin.PluginSet{"plugin": eitherWords{}},
		Cmd:              cmd,
		SkipHostEnv:      true,
		AllowedProtocols: []goplugin.Protocol{goplugin.ProtocolNetRPC, goplugin.ProtocolGRPC},
		Logger:           hclog.NewNullLogger(),
	})
	link, err := client.Client()
	if err != nil {
		b.Fatal(err)
	}
	raw, err := link.Dispense("plugin")
	if err != nil {
		b.Fatal(err)
	}
	return client, raw.(Words)
}

// eitherWords is the client half of both definitions.
type eitherWords struct {
	rpcWords
	grpcWords
}

func (e eitherWords) Client(broker *goplugin.MuxBroker, c *rpc.Client) (any, error) {
	return e.rpcWords.Client(broker, c)
}

func (e eitherWords) Server(broker *goplugin.MuxBroker) (any, error) {
	return e.rpcWords.Server(broker)
}

// A call through Do, against the same call of the same plugin.
func BenchmarkCall(b *testing.B) {
	for _, wire := range wires {
		h := start(b, specOf(b, wire))
		ctx := b.Context()
		var words Words
		plugin.Do(ctx, h.child, func(_ context.Context, w Words) error { words = w; return nil })
		b.Run(wire+"/limit", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := words.Count(ctx, "one"); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(wire+"/Do", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := count(ctx, h.child, "one"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A hundred plugins, from the first start until all have been called and are
// gone, against as many bare starts.
func BenchmarkHundred(b *testing.B) {
	spec := specOf(b, "grpc")
	b.Run("limit", func(b *testing.B) {
		for b.Loop() {
			for range hundred {
				bareStart(b, spec)
			}
		}
	})
	b.Run("Replicas", func(b *testing.B) {
		for b.Loop() {
			r := startHundred(b, spec)
			b.StopTimer()
			r.Shutdown(context.Background())
			b.StartTimer()
		}
	})
}

const hundred = 100

func startHundred(tb testing.TB, spec plugin.Spec[Words]) *sup.Replicas[*plugin.Client[Words]] {
	tb.Helper()
	source := plugin.NewSource(spec)
	r, err := sup.StartReplicas(context.Background(), sup.ReplicasSpec[*plugin.Client[Words]]{
		Name:      "hundred",
		Count:     hundred,
		Intensity: sup.Unlimited,
		Start:     func(ctx context.Context, _ int) (*plugin.Client[Words], error) { return source.Start(ctx) },
	})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestAHundredPluginsAreKilledAtOnceAndAllComeBack(t *testing.T) {
	r := startHundred(t, specOf(t, "grpc"))
	defer r.Shutdown(context.Background())
	killed := make(map[int]bool)
	for _, c := range r.All() {
		killed[c.Pid()] = true
	}
	for pid := range killed {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	for i := range hundred {
		eventually(t, fmt.Sprint("plugin ", i, " is another"), func() bool {
			c, ok := r.Get(i)
			return ok && !killed[c.Pid()]
		})
		if n, err := count(t.Context(), r.Child(i), "one of many"); n != 3 || err != nil {
			t.Error(i, n, err)
		}
	}
}
