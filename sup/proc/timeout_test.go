//go:build linux

package proc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

func init() {
	roles["stopped"] = stoppedRole
	roles["slow"] = slowRole
}

// stoppedLimit is the limit of what runs in a program that is stopped for longer
// than that.
const stoppedLimit = 2 * time.Second

// stoppedRole is a host. It says "child" and a process id, and "ready" when the
// limit runs; the test stops both for longer than that, and writes a line when
// they go on. Then the host says what came of it.
func stoppedRole(args []string) int {
	fmt.Println("\nresult:", stoppedHosts[args[0]](context.Background()))
	return 0
}

// awaitContinued says that the limit runs, and waits until the program goes on.
func awaitContinued() {
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
}

var stoppedHosts = map[string]func(context.Context) error{
	"ReadyWithin": func(ctx context.Context) error {
		command := fake("sleep")
		command.ReadyWithin = stoppedLimit
		command.Ready = proc.ReadyFunc(func(ctx context.Context, p *proc.Process) error {
			fmt.Println("child", p.Pid())
			awaitContinued()
			return ctx.Err()
		})
		w, err := command.Worker(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = w.Terminate(ctx, sup.Exit{}) }()
		return w.Initialize(ctx)
	},
	"Liveness.Timeout": func(ctx context.Context) error {
		command := fake("sleep")
		asked := false
		command.Live = proc.Liveness{Interval: time.Millisecond, Timeout: stoppedLimit, Failures: 1, Probe: proc.LiveFunc(
			func(ctx context.Context, p *proc.Process) error {
				if asked {
					return errors.New("stuck") // that is found all the same
				}
				asked = true
				fmt.Println("child", p.Pid())
				awaitContinued()
				return ctx.Err()
			})}
		return stoppedWorker(ctx, command, "stuck")
	},
	"Liveness.Interval": func(ctx context.Context) error {
		command := fake("beat", "40", "100ms") // and then no more, which is found all the same
		command.Ready = proc.ReadyNotify()
		command.Live = proc.Liveness{Probe: proc.LiveNotify(), Interval: stoppedLimit, Failures: 1}
		begun := make(chan *proc.Process, 1)
		go func() {
			fmt.Println("child", (<-begun).Pid())
			awaitContinued()
		}()
		w, err := command.Worker(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = w.Terminate(ctx, sup.Exit{}) }()
		if err := w.Initialize(ctx); err != nil {
			return err
		}
		start := time.Now()
		begun <- w.Process()
		err = w.Run(ctx)
		// All beats take 4 s, and the process was stopped for longer than 2.
		if ran := time.Since(start); ran < 6*time.Second {
			return fmt.Errorf("after %v: %w", ran, err)
		}
		if !errors.Is(err, sup.ErrUnhealthy) {
			return fmt.Errorf("a process that has hung: %w", err)
		}
		return nil
	},
	"Stop": func(ctx context.Context) error {
		p, err := fake("slow").Start(ctx)
		if err != nil {
			return err
		}
		defer p.Stop(ctx, 0)
		for len(p.Tail()) < 1 {
			time.Sleep(time.Millisecond)
		}
		fmt.Println("child", p.Pid())
		go func() {
			for len(p.Tail()) < 2 {
				time.Sleep(time.Millisecond)
			}
			awaitContinued()
		}()
		if exit := p.Stop(ctx, stoppedLimit); exit.Code != 0 {
			return fmt.Errorf("%w: killed %v", exit.Err(), exit.Killed)
		}
		return nil
	},
}

// stoppedWorker runs a worker until it fails as it should.
func stoppedWorker(ctx context.Context, command proc.Command, want string) error {
	w, err := command.Worker(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = w.Terminate(ctx, sup.Exit{}) }()
	if err := w.Initialize(ctx); err != nil {
		return err
	}
	if err := w.Run(ctx); !strings.Contains(err.Error(), want) {
		return err
	}
	return nil
}

// slowRole takes a quarter of the limit to end on SIGTERM.
func slowRole([]string) int {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	fmt.Println("up")
	fmt.Println("told:", <-told)
	time.Sleep(stoppedLimit / 4)
	return 0
}

// A limit that runs out because the whole program was stopped, by docker pause say,
// is extended.
func TestAProgramThatWasStoppedFailsNoProcess(t *testing.T) {
	for name := range stoppedHosts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, out, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			defer out.Close()
			command := fake("stopped", name)
			command.Stdin = in
			host := start(t, command)
			said(t, host, "ready")
			child, err := strconv.Atoi(said(t, host, "child "))
			if err != nil {
				t.Fatal(err)
			}
			both := func(sig syscall.Signal) {
				for _, pid := range []int{host.Pid(), child} {
					if err := syscall.Kill(pid, sig); err != nil {
						t.Fatal(err)
					}
				}
			}
			both(syscall.SIGSTOP)
			time.Sleep(stoppedLimit + stoppedLimit/2) // the program must be stopped for longer than the limit
			both(syscall.SIGCONT)
			if _, err := out.WriteString("go on\n"); err != nil {
				t.Fatal(err)
			}
			if result := said(t, host, "result: "); result != "<nil>" {
				t.Error(result)
			}
		})
	}
}
