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

// stoppedTimeout is the timeout in a program that is stopped for longer.
const stoppedTimeout = 2 * time.Second

// stoppedRole is a host. It prints "child" with a process id, and "ready" when the
// timeout runs. The test stops both processes for longer than the timeout, continues
// them, and writes a line to the host. Then the host prints its result.
func stoppedRole(args []string) int {
	fmt.Println("\nresult:", stoppedHosts[args[0]](context.Background()))
	return 0
}

// awaitContinued prints that the timeout runs, and waits until the program continues.
func awaitContinued() {
	fmt.Println("ready")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
}

var stoppedHosts = map[string]func(context.Context) error{
	"ReadyWithin": func(ctx context.Context) error {
		command := fake("sleep")
		command.ReadyWithin = stoppedTimeout
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
		probed := false
		command.Live = proc.Liveness{Interval: time.Millisecond, Timeout: stoppedTimeout, Failures: 1, Probe: proc.LiveFunc(
			func(ctx context.Context, p *proc.Process) error {
				if probed {
					return errors.New("stuck") // a probe after the stop still fails the process
				}
				probed = true
				fmt.Println("child", p.Pid())
				awaitContinued()
				return ctx.Err()
			})}
		return stoppedWorker(ctx, command, "stuck")
	},
	"Liveness.Interval": func(ctx context.Context) error {
		command := fake("beat", "40", "100ms") // after the last beat, the process is unhealthy
		command.Ready = proc.ReadyNotify()
		command.Live = proc.Liveness{Probe: proc.LiveNotify(), Interval: stoppedTimeout, Failures: 1}
		started := make(chan *proc.Process, 1)
		go func() {
			fmt.Println("child", (<-started).Pid())
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
		started <- w.Process()
		err = w.Run(ctx)
		// All beats take 4 s, and the process was stopped for more than 2 s.
		if ran := time.Since(start); ran < 6*time.Second {
			return fmt.Errorf("after %v: %w", ran, err)
		}
		if !errors.Is(err, sup.ErrUnhealthy) {
			return fmt.Errorf("error of a process that hangs: %w", err)
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
		if exit := p.Stop(ctx, stoppedTimeout); exit.Code != 0 {
			return fmt.Errorf("%w: killed %v", exit.Err(), exit.Killed)
		}
		return nil
	},
}

// stoppedWorker runs a worker, and returns its error unless that contains want.
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

// slowRole takes a quarter of the timeout to exit on SIGTERM.
func slowRole([]string) int {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM)
	fmt.Println("up")
	fmt.Println("signal:", <-signals)
	time.Sleep(stoppedTimeout / 4)
	return 0
}

// Such as by docker pause.
func TestTimeoutsAreExtendedIfTheWholeProgramWasStopped(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
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
			awaitLine(t, host, "ready")
			child, err := strconv.Atoi(awaitLine(t, host, "child "))
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
			time.Sleep(stoppedTimeout + stoppedTimeout/2) // the stop must be longer than the timeout
			both(syscall.SIGCONT)
			if _, err := out.WriteString("go on\n"); err != nil {
				t.Fatal(err)
			}
			if result := awaitLine(t, host, "result: "); result != "<nil>" {
				t.Error(result)
			}
		})
	}
}
