//go:build linux

package proc_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/internal/patience"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

func init() { roles["exhausted"] = exhaustedRole }

// exhaustedRole is a host that has run out of descriptors. It starts a process with
// none left, with one, and so on, until a start succeeds, and prints the errors that
// do not wrap EMFILE.
func exhaustedRole(args []string) int {
	if err := exhausted(context.Background(), args[0]); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func exhausted(ctx context.Context, what string) error {
	command := fake("exit", "0")
	switch what {
	case "notify":
		command.Ready = proc.ReadyNotify()
		command.Path, command.Args, command.Env = "sh", []string{"-c", `echo READY=1 >&$NOTIFY_FD`}, nil
	case "rlimits":
		command.Limits.Rlimits = map[proc.Rlimit]uint64{proc.CoreSize: 0}
	case "script":
		command.Path, command.Args, command.Env = "/usr/bin/env", []string{"true"}, nil
	}
	start := func() error {
		w, err := command.Worker(ctx)
		if err != nil {
			return err
		}
		err = w.Initialize(ctx)
		if p := w.Process(); p != nil {
			p.Stop(ctx, time.Hour)
		}
		return err
	}
	if err := start(); err != nil { // the runtime opens descriptors of its own
		return err
	}
	limit := syscall.Rlimit{Cur: 64, Max: 64}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	var held []*os.File
	for {
		file, err := os.Open("/dev/null")
		if errors.Is(err, syscall.EMFILE) {
			break
		} else if err != nil {
			return err
		}
		held = append(held, file)
	}
	failures := 0
	for {
		err := start()
		if err == nil {
			break
		}
		failures++
		if !errors.Is(err, syscall.EMFILE) {
			fmt.Printf("%d free: %v\n", failures-1, err)
		}
		last := len(held) - 1
		held[last].Close()
		held = held[:last]
	}
	if failures == 0 {
		return errors.New("the first start has succeeded")
	}
	fmt.Println("done")
	return nil
}

// EMFILE shows a supervisor that the host lacks resources, not the process.
func TestAStartWithoutDescriptorsWrapsEMFILE(t *testing.T) {
	for _, what := range []string{"plain", "notify", "rlimits", "script"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			exit := exitOf(t, fake("exhausted", what))
			if diff := cmp.Diff([]string{"done"}, texts(exit.Lines)); diff != "" {
				t.Errorf("%v: %s", exit, diff)
			}
		})
	}
}

// The host may have no descriptor for the probe.
func TestAReadinessProbeWithoutDescriptorsWrapsEMFILE(t *testing.T) {
	out := &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("socket", syscall.EMFILE)}
	command := fake("sleep")
	command.Ready = proc.ReadyFunc(func(context.Context, *proc.Process) error { return out })
	const least = 50 * time.Millisecond
	patience.Scale(t, least, func(within time.Duration) error {
		command := command
		command.ReadyWithin = within
		w, err := command.Worker(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { w.Process().Stop(t.Context(), 0) }()
		if err := w.Initialize(t.Context()); !errors.Is(err, proc.ErrNotReady) || !errors.Is(err, syscall.EMFILE) {
			return fmt.Errorf("the error is %w", err)
		}
		return nil
	})
	patience.Scale(t, least, func(within time.Duration) error {
		w, err := command.Worker(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { w.Process().Stop(t.Context(), 0) }()
		late := errors.New("late")
		ctx, cancel := context.WithTimeoutCause(t.Context(), within, late)
		defer cancel()
		if err := w.Initialize(ctx); !errors.Is(err, late) || !errors.Is(err, syscall.EMFILE) {
			return fmt.Errorf("the error is %w", err)
		}
		return nil
	})
	patience.Scale(t, least, func(within time.Duration) error {
		_, err := supervise(t, sup.ChildSpec[*proc.Worker]{Start: command.Worker, StartTimeout: within})
		if !errors.Is(err, sup.ErrStartTimeout) || !errors.Is(err, syscall.EMFILE) || strings.Count(err.Error(), "not ready within "+within.String()) != 1 {
			return fmt.Errorf("the error is %w", err)
		}
		return nil
	})
}
