//go:build unix

package plugin_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
)

// Each benchmark measures a limit, which is the same work without supervision, and ours,
// in turn, so that other load on the machine affects both. It reports the medians and
// their ratio.

// pair measures two functions in turn, without the functions that they return, which
// clean up.
func pair(b *testing.B, limit, ours func() (after func())) {
	b.Helper()
	var times [2][]time.Duration
	for b.Loop() {
		for i, f := range []func() func(){limit, ours} {
			begun := time.Now()
			after := f()
			times[i] = append(times[i], time.Since(begun))
			after()
		}
	}
	var medians [2]float64
	for i := range times {
		slices.Sort(times[i])
		medians[i] = float64(times[i][len(times[i])/2].Microseconds())
	}
	b.ReportMetric(medians[0], "limit-µs")
	b.ReportMetric(medians[1], "ours-µs")
	b.ReportMetric(medians[1]/medians[0], "ratio")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkRestart measures the time from SIGKILL to the next successful call. The limit
// waits for the end, starts the same binary with os/exec, reads the handshake, connects,
// and calls. The limit "start" is os/exec and the handshake only.
func BenchmarkRestart(b *testing.B) {
	for _, limit := range []string{"start", "limit"} {
		for _, wire := range wires {
			b.Run(limit+"/"+wire, func(b *testing.B) {
				spec := specOf(b, wire)
				h := start(b, spec)
				p := bareStart(b, spec)
				byHand := func() func() {
					p.end()
					p = bareStart(b, spec)
					w, hangUp := p.dial(b, wire)
					if _, err := w.Count(b.Context(), "one"); err != nil {
						b.Fatal(err)
					}
					return func() { hangUp() }
				}
				if limit == "start" {
					byHand = func() func() { return bareStart(b, spec).end }
				}
				pair(b, byHand, func() func() {
					h.restart(b)
					return func() {}
				})
				p.end()
			})
		}
	}
}

// restart kills the plugin, and calls it until its next process answers.
func (h host) restart(b *testing.B) {
	c, err := h.child.Wait(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	syscall.Kill(c.Pid(), syscall.SIGKILL)
	for {
		_, err := count(b.Context(), h.child, "one")
		if next, ok := h.child.Get(); err == nil && ok && next != c {
			return
		}
	}
}

// bare is a plugin that is started without this package and go-plugin.
type bare struct {
	cmd    *exec.Cmd
	socket string
}

// bareStart starts a plugin with os/exec and reads its handshake.
func bareStart(b *testing.B, spec plugin.Spec[Words]) bare {
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
	return bare{cmd, strings.Split(line, "|")[3]}
}

// end kills the plugin and waits for its end.
func (p bare) end() {
	p.cmd.Process.Kill()
	p.cmd.Wait()
	syscall.Unlink(p.socket)
}

// dial connects to the plugin.
func (p bare) dial(b *testing.B, wire string) (w Words, hangUp func() error) {
	if wire == "grpc" {
		conn, err := grpc.NewClient("unix:"+p.socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			b.Fatal(err)
		}
		return grpcClient{conn}, conn.Close
	}
	conn, err := net.Dial("unix", p.socket)
	if err != nil {
		b.Fatal(err)
	}
	client, err := goplugin.NewRPCClient(conn, goplugin.PluginSet{"plugin": rpcWords{}})
	if err != nil {
		b.Fatal(err)
	}
	raw, err := client.Dispense("plugin")
	if err != nil {
		b.Fatal(err)
	}
	return raw.(Words), conn.Close
}

// BenchmarkCall measures a hundred calls through Do. The limit is the same calls without
// Do.
func BenchmarkCall(b *testing.B) {
	for _, wire := range wires {
		b.Run(wire, func(b *testing.B) {
			h := start(b, specOf(b, wire))
			ctx := b.Context()
			var words Words
			err := plugin.Do(ctx, h.child, func(_ context.Context, w Words) error { words = w; return nil })
			if err != nil {
				b.Fatal(err)
			}
			times := func(call func() (int, error)) func() func() {
				return func() func() {
					for range 100 {
						if _, err := call(); err != nil {
							b.Fatal(err)
						}
					}
					return func() {}
				}
			}
			pair(b,
				times(func() (int, error) { return words.Count(ctx, "one") }),
				times(func() (int, error) { return count(ctx, h.child, "one") }))
		})
	}
}

// BenchmarkHundred measures the start of a hundred plugins until all are ready. The limit
// is a hundred bare starts with their handshakes.
func BenchmarkHundred(b *testing.B) {
	spec := specOf(b, "grpc")
	pair(b, func() func() {
		var all []bare
		for range hundred {
			all = append(all, bareStart(b, spec))
		}
		return func() {
			for _, p := range all {
				p.end()
			}
		}
	}, func() func() {
		r := startHundred(b, spec)
		return func() { r.Shutdown(context.Background()) }
	})
}

const hundred = 100

func startHundred(tb testing.TB, spec plugin.Spec[Words]) *sup.Replicas[*plugin.Client[Words]] {
	tb.Helper()
	source := plugin.NewSource(spec)
	r := sup.NewReplicas(sup.ReplicasSpec[*plugin.Client[Words]]{
		Name:      "hundred",
		Count:     hundred,
		Intensity: sup.Unlimited,
		Start:     func(ctx context.Context, _ int) (*plugin.Client[Words], error) { return source.Start(ctx) },
	})
	if err := r.Start(context.Background()); err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestAllOfAHundredPluginsRestartWhenKilledAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
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
		eventually(t, fmt.Sprint("plugin ", i, " was restarted"), func() bool {
			c, ok := r.Get(i)
			return ok && !killed[c.Pid()]
		})
		if n, err := count(t.Context(), r.Child(i), "one of many"); n != 3 || err != nil {
			t.Error(i, n, err)
		}
	}
}
