//go:build unix

package plugin_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/patience"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
)

func TestAStopWaitsForTheCallsInFlight(t *testing.T) {
	h := start(t, specOf(t, "grpc"), func(c *sup.ChildSpec[*plugin.Client[Words]]) { c.Shutdown = sup.Infinity })
	pid := h.pid(t)
	answered := h.inFlight(t, "sleep 100ms")
	if err := h.TerminateChild(t.Context(), "words"); err != nil {
		t.Fatal(err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if exists(pid) {
		t.Error("the process is running")
	}
}

func TestAStopCutsOffCallsThatOutlastDrainTimeout(t *testing.T) {
	spec := specOf(t, "grpc")
	spec.DrainTimeout = 20 * time.Millisecond
	h := start(t, spec)
	cut := h.inFlight(t, "sleep 1h")
	idempotent := h.inFlight(t, "sleep 1h", plugin.Idempotent())
	if err := h.TerminateChild(t.Context(), "words"); err != nil {
		t.Fatal(err)
	}
	if err := <-cut; !errors.As(err, new(*plugin.DiedError)) || !errors.Is(err, sup.ErrShutdown) {
		t.Error(err)
	}
	err := <-idempotent
	if unavailable, ok := errors.AsType[*plugin.UnavailableError](err); !ok || unavailable.Died == nil || !errors.Is(err, sup.ErrStopped) {
		t.Error(err)
	}
}

func TestAStopEndsAPluginThatDoesNotRespond(t *testing.T) {
	for _, wire := range wires {
		for name, shutdown := range map[string]time.Duration{"in time": time.Second, "brutal": sup.Brutal} {
			t.Run(wire+" "+name, func(t *testing.T) {
				patience.Scale(t, shutdown, func(shutdown time.Duration) error {
					h := start(t, specOf(t, wire), func(c *sup.ChildSpec[*plugin.Client[Words]]) { c.Shutdown = shutdown })
					pid := h.pid(t)
					cut := h.inFlight(t, "sleep 1h")
					syscall.Kill(pid, syscall.SIGSTOP)
					stopped := h.Shutdown(context.Background())
					if err := <-cut; !errors.As(err, new(*plugin.DiedError)) {
						t.Error(err)
					}
					if stopped == nil && exists(pid) {
						t.Error("the process is running")
					}
					if info, _ := h.child.Info(); info.LastExit.Kind != sup.ExitShutdown {
						return errors.Join(stopped, fmt.Errorf("exit %v", info.LastExit))
					}
					return stopped
				})
			})
		}
	}
}

func TestEachExitOfAPluginIsAbnormal(t *testing.T) {
	h := start(t, specOf(t, "grpc"), func(c *sup.ChildSpec[*plugin.Client[Words]]) { c.Restart = sup.Transient })
	pid := h.pid(t)
	if _, err := h.tell(t.Context(), "exit 0"); !errors.As(err, new(*plugin.DiedError)) {
		t.Fatal(err)
	}
	if again := h.pid(t); again == pid {
		t.Error("the plugin was not restarted")
	}
	if info, _ := h.child.Info(); info.LastExit.Kind != sup.ExitAbnormal {
		t.Errorf("exit %v", info.LastExit)
	}
}
