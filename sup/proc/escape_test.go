//go:build linux

package proc_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/proc"
)

func init() {
	roles["regroup"] = regroupRole
	roles["unprivileged"] = unprivilegedRole
	roles["daemonize"] = daemonizeRole
}

// daemonizeRole starts a process in a session of its own, without the output, prints
// its id, and exits with the given code, or sleeps if that is "sleep".
func daemonizeRole(args []string) int {
	daemon := fake("sleep")
	command := exec.Command(daemon.Path)
	command.Env = daemon.Env
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("forked", command.Process.Pid)
	if args[0] == "sleep" {
		return sleepRole(nil)
	}
	code, _ := strconv.Atoi(args[0])
	return code
}

// regroupRole moves to the process group of its host, and then acts in the role of
// its argument.
func regroupRole(args []string) int {
	group, err := syscall.Getpgid(os.Getppid())
	if err == nil {
		err = syscall.Setpgid(0, group)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return roles[args[0]](args[1:])
}

// The signals must not reach the other processes of the group of the host.
func TestSignalsReachAProcessThatHasLeftItsGroup(t *testing.T) {
	for _, tt := range []struct {
		role string
		stop func(*proc.Process) proc.Exit
		want proc.Exit
	}{
		{"graceful", func(p *proc.Process) proc.Exit { return p.Stop(t.Context(), time.Hour) }, proc.Exit{Code: 5}},
		{"ignore-term", func(p *proc.Process) proc.Exit { return p.Stop(t.Context(), 50*time.Millisecond) },
			proc.Exit{Code: -1, Signal: syscall.SIGKILL, Killed: true}},
		{"ignore-term", func(p *proc.Process) proc.Exit {
			if err := p.Kill(); err != nil {
				t.Error(err)
			}
			exit, _ := p.Wait(t.Context())
			return exit
		}, proc.Exit{Code: -1, Signal: syscall.SIGKILL}},
	} {
		p := start(t, fake("regroup", tt.role, "5"))
		awaitLine(t, p, "up")
		exit := tt.stop(p)
		got := proc.Exit{Code: exit.Code, Signal: exit.Signal, Killed: exit.Killed, Unkilled: exit.Unkilled}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: %s", tt.role, diff)
		}
		if !gone(p.Pid()) {
			t.Error("the process is still there")
		}
	}
}

// unprivilegedRole starts processes as root, and becomes another user that cannot kill
// them. It prints the result of each way to stop them.
func unprivilegedRole([]string) int {
	command := fake("ignore-term")
	report := func(what string, err error) {
		text, _, _ := strings.Cut(fmt.Sprint(err), "; last output")
		fmt.Printf("%s: %v, permission: %v\n", what, text, errors.Is(err, fs.ErrPermission))
	}
	var all []*proc.Process
	for range 2 {
		p, err := command.Start(context.Background())
		if err != nil {
			fmt.Println(err)
			return 1
		}
		fmt.Println("child", p.Pid())
		all = append(all, p)
	}
	probed := make(chan *proc.Process, 1)
	slow := command
	slow.Ready = proc.ReadyFunc(func(ctx context.Context, p *proc.Process) error {
		probed <- p
		<-ctx.Done()
		return ctx.Err()
	})
	worker, err := slow.Worker(context.Background())
	if err != nil {
		fmt.Println(err)
		return 1
	}
	starting, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	started := make(chan error)
	go func() { started <- worker.Initialize(starting) }()
	fmt.Println("child", (<-probed).Pid())

	const nobody = 65534
	if err := syscall.Setresuid(nobody, nobody, nobody); err != nil {
		fmt.Println(err)
		return 1
	}
	report("Signal", all[0].Signal(syscall.SIGTERM))
	report("Kill", all[0].Kill())
	exit, err := all[0].Wait(context.Background())
	report("Wait", errors.Join(err, exit.Err()))
	report("Stop", all[1].Stop(context.Background(), time.Hour).Err())
	cancel(errors.New("start canceled"))
	report("Initialize", <-started)
	report("Terminate", worker.Terminate(context.Background(), sup.Exit{Kind: sup.ExitShutdown}))
	return 0
}

func TestAProcessThatCannotBeKilledIsAnErrorInTime(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: only root can start a process of another user")
	}
	host := start(t, fake("unprivileged"))
	exit, err := host.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var pids []string
	var got []string
	for _, text := range texts(exit.Lines) {
		if pid, ok := strings.CutPrefix(text, "child "); ok {
			pids = append(pids, pid)
			continue
		}
		for i, pid := range pids {
			text = strings.ReplaceAll(text, pid, "P"+strconv.Itoa(i))
		}
		got = append(got, text)
	}
	for _, pid := range pids {
		pid, _ := strconv.Atoi(pid)
		_ = syscall.Kill(pid, syscall.SIGKILL)
		eventually(t, "the end of the process", func() bool { return gone(pid) })
	}
	exe, _ := os.Executable()
	running := exe + ": still running: process %s of another user: kill: operation not permitted, permission: true"
	want := []string{
		"Signal: kill: operation not permitted, permission: true",
		"Kill: process P0 of another user: kill: operation not permitted, permission: true",
		"Wait: " + fmt.Sprintf(running, "P0"),
		"Stop: " + fmt.Sprintf(running, "P1"),
		"Initialize: start canceled, permission: false",
		"Terminate: " + fmt.Sprintf(running, "P2"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%v: %s", exit, diff)
	}
}

// Such as the daemon of a program that goes into the background.
func TestAnExitAndTheLogNameTheProcessesLeftRunning(t *testing.T) {
	var log records
	command := fake("daemonize", "3")
	command.Logger = slog.New(log.logger().Handler())
	p := start(t, command)
	exit, err := p.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(awaitLine(t, p, "forked "))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{child}, exit.Left); diff != "" || len(exit.Survivors) > 0 {
		t.Errorf("left: %s; survivors: %v", diff, exit.Survivors)
	}
	if want := fmt.Sprintf("exit code 3; processes left running in the background: [%d]", child); !strings.Contains(exit.Err().Error(), want) {
		t.Errorf("the error is %v", exit.Err())
	}
	if err := p.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	want := []string{fmt.Sprintf(`level=WARN msg="processes left running in the background" processes=[%d] advice="run the program in the foreground, or set Limits.Cgroup"`, child)}
	if diff := cmp.Diff(want, log.lines()); diff != "" {
		t.Error(diff)
	}
	if err := syscall.Kill(child, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	eventually(t, "the end of the daemon", func() bool { return gone(child) })
}

// A daemon belongs to the process that has started it, not to other processes.
func TestAnExitDoesNotNameTheDaemonsOfOtherProcesses(t *testing.T) {
	command := fake("daemonize", "sleep")
	command.Logger = discard
	other := start(t, command)
	daemon, _ := strconv.Atoi(awaitLine(t, other, "forked "))
	if exit := exitOf(t, fake("exit", "0")); len(exit.Left) > 0 {
		t.Errorf("left: %v", exit.Left)
	}
	if exit := other.Stop(t.Context(), time.Hour); !cmp.Equal([]int{daemon}, exit.Left) {
		t.Errorf("left: %v, want %d", exit.Left, daemon)
	}
	_ = syscall.Kill(daemon, syscall.SIGKILL)
	eventually(t, "the end of the daemon", func() bool { return gone(daemon) })
}
