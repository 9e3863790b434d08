//go:build unix

package plugin_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/patience"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
)

func TestDoCallsThePluginByType(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) {
			h := start(t, specOf(t, wire))
			var n int
			err := plugin.Do(t.Context(), h.child, func(ctx context.Context, w Words) (err error) {
				n, err = w.Count(ctx, "three small words")
				return err
			})
			if n != 3 || err != nil {
				t.Fatal(n, err)
			}
		})
	}
}

func TestDoReturnsTheErrorOfALivePluginUnchanged(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) {
			h := start(t, specOf(t, wire))
			pid := h.pid(t)
			_, err := h.tell(t.Context(), "fail no paper")
			if err == nil || errors.As(err, new(*plugin.DiedError)) {
				t.Fatal(err)
			}
			own := errors.New("of the caller")
			err = plugin.Do(t.Context(), h.child, func(context.Context, Words) error { return own })
			if err != own {
				t.Fatal(err)
			}
			if again := h.pid(t); again != pid {
				t.Errorf("the plugin was restarted: process %d, then %d", pid, again)
			}
		})
	}
}

func TestACallDuringWhichThePluginDiesReturnsADiedErrorWithTheLastOutput(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) {
			h := start(t, specOf(t, wire)) // the stack trace is longer than the tail
			_, err := h.tell(t.Context(), "panic out of ink")
			died, ok := errors.AsType[*plugin.DiedError](err)
			if !ok || died.Err == nil || died.Exit.Code != 2 {
				t.Fatalf("%v\n%#v", err, died)
			}
			for _, text := range []string{err.Error(), died.Cause.Error()} {
				if want := `exit code 2; last output: "panic: out of ink"`; !strings.HasSuffix(text, want) {
					t.Errorf("no %s at the end of %s", want, text)
				}
			}
			if _, err := h.tell(t.Context(), "pid"); err != nil {
				t.Errorf("the next call: %v", err)
			}
		})
	}
}

func TestAnIdempotentCallIsRepeatedOnce(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) {
			h := start(t, specOf(t, wire))
			file := filepath.Join(t.TempDir(), "killed")
			answer, err := h.tell(t.Context(), "kill-once "+file, plugin.Idempotent())
			if answer != "alive" || err != nil {
				t.Fatal(answer, err)
			}
			_, err = h.tell(t.Context(), "kill", plugin.Idempotent())
			died, ok := errors.AsType[*plugin.DiedError](err)
			if !ok || died.Exit.Signal != syscall.SIGKILL {
				t.Fatal(err)
			}
			if info, _ := h.child.Info(); info.Incarnation < 3 {
				t.Errorf("not repeated: incarnation %d", info.Incarnation)
			}
		})
	}
}

func TestDoWaitsForARestartUntilTheDeadlineOfTheCaller(t *testing.T) {
	h := start(t, specOf(t, "grpc"))
	old := h.pid(t)
	for range 5 {
		h.kill(t)
		pid := h.pid(t)
		if pid == old {
			t.Fatal("the call went to the old process")
		}
		old = pid
	}
	h = start(t, specOf(t, "grpc"), func(c *sup.ChildSpec[*plugin.Client[Words]]) {
		c.Backoff = sup.Backoff{Min: time.Hour}
	})
	h.kill(t)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := h.tell(ctx, "pid")
	if !errors.As(err, new(*plugin.UnavailableError)) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
}

func TestDoFailsAtOnceWhenThePluginIsQuarantinedOrStopped(t *testing.T) {
	file := filepath.Join(t.TempDir(), "started")
	h := start(t, specOf(t, "once="+file), func(c *sup.ChildSpec[*plugin.Client[Words]]) {
		c.Budget = sup.Intensity{Restarts: 2, Within: time.Hour}
	})
	h.kill(t)
	_, err := h.tell(t.Context(), "pid")
	unavailable, ok := errors.AsType[*plugin.UnavailableError](err)
	if !ok || !errors.Is(err, sup.ErrQuarantined) {
		t.Fatal(err)
	}
	if !errors.Is(unavailable.Last.Err, plugin.ErrHandshake) {
		t.Errorf("last exit: %v", unavailable.Last)
	}

	h = start(t, specOf(t, "grpc"))
	if err := h.TerminateChild(t.Context(), "words"); err != nil {
		t.Fatal(err)
	}
	if _, err := h.tell(t.Context(), "pid"); !errors.Is(err, sup.ErrStopped) {
		t.Fatal(err)
	}
}

func TestTheContextOfACallEndsWithThePlugin(t *testing.T) {
	h := start(t, specOf(t, "grpc"))
	pid := h.pid(t)
	err := plugin.Do(t.Context(), h.child, func(ctx context.Context, _ Words) error {
		syscall.Kill(pid, syscall.SIGKILL)
		<-ctx.Done()
		if died, ok := errors.AsType[*plugin.DiedError](context.Cause(ctx)); !ok || died.Exit.Signal != syscall.SIGKILL {
			t.Errorf("cause %v", context.Cause(ctx))
		}
		return ctx.Err()
	})
	if !errors.As(err, new(*plugin.DiedError)) {
		t.Fatal(err)
	}
}

func TestTheContextOfACallEndsWithThatOfTheCaller(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) {
			h := start(t, specOf(t, wire))
			pid := h.pid(t)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			if _, err := h.tell(ctx, "sleep 1h"); err == nil || errors.As(err, new(*plugin.DiedError)) {
				t.Fatal(err)
			}
			if again := h.pid(t); again != pid {
				t.Error("the plugin was restarted")
			}
		})
	}
}

func TestAPluginWithoutItsConnectionIsKilled(t *testing.T) {
	h := start(t, specOf(t, "netrpc"))
	pid := h.pid(t)
	_, err := h.tell(t.Context(), "hang-up")
	if !errors.Is(err, plugin.ErrUnreachable) {
		t.Fatal(err)
	}
	if answer, err := h.tell(t.Context(), "pid"); err != nil || answer == strconv.Itoa(pid) {
		t.Fatal(answer, err)
	}
}

func TestAPluginThatDoesNotAnswerIsUnhealthy(t *testing.T) {
	for _, wire := range wires {
		t.Run(wire, func(t *testing.T) {
			patience.Scale(t, 250*time.Millisecond, func(timeout time.Duration) error {
				spec := specOf(t, wire)
				spec.Liveness = plugin.Liveness{Interval: 20 * time.Millisecond, Timeout: timeout}
				h := start(t, spec)
				text, err := h.tell(t.Context(), "pid")
				if err != nil {
					return err
				}
				pid, err := strconv.Atoi(text)
				if err != nil {
					t.Fatal(err)
				}
				err = plugin.Do(t.Context(), h.child, func(ctx context.Context, w Words) error {
					syscall.Kill(pid, syscall.SIGSTOP)
					_, err := w.Tell(ctx, "sleep 1h")
					return err
				})
				if !errors.Is(err, sup.ErrUnhealthy) || !errors.Is(err, plugin.ErrUnanswered) {
					t.Fatal(err)
				}
				again, err := h.tell(t.Context(), "pid")
				if err == nil && again == text {
					t.Error("the plugin was not restarted")
				}
				return err
			})
		})
	}
}

func TestAnAnswerIsABeat(t *testing.T) {
	patience.Scale(t, 500*time.Millisecond, func(watchdog time.Duration) error {
		spec := specOf(t, "grpc")
		spec.Liveness = plugin.Liveness{Interval: 20 * time.Millisecond, Timeout: patience.Bound}
		h := start(t, spec, func(c *sup.ChildSpec[*plugin.Client[Words]]) { c.Watchdog = watchdog })
		eventually(t, "the plugin has run for longer than its watchdog allows without a beat", func() bool {
			info, _ := h.child.Info()
			return info.Incarnation > 1 || time.Since(info.Since) > 2*watchdog
		})
		if info, _ := h.child.Info(); info.Incarnation != 1 {
			return fmt.Errorf("the last exit: %v", info.LastExit)
		}
		return nil
	})
}

func TestReplicasAreCalledInTurn(t *testing.T) {
	source := plugin.NewSource(specOf(t, "grpc"))
	r := sup.NewReplicas(sup.ReplicasSpec[*plugin.Client[Words]]{
		Count: 2,
		Start: func(ctx context.Context, _ int) (*plugin.Client[Words], error) { return source.Start(ctx) },
	})
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer r.Shutdown(context.Background())
	pids := make(map[string]int)
	for range 4 {
		err := plugin.Do(t.Context(), r, func(ctx context.Context, w Words) error {
			pid, err := w.Tell(ctx, "pid")
			pids[pid]++
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(pids) != 2 {
		t.Errorf("calls by process: %v", pids)
	}
}
