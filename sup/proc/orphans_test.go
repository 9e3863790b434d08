//go:build linux

package proc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup/proc"
)

func init() {
	roles["init"] = initRole
	roles["background"] = backgroundRole
}

// backgroundRole starts a session of two processes, and exits when both run.
func backgroundRole([]string) int {
	role := fake("fork", "sleep")
	session := exec.Command(role.Path, role.Args...)
	session.Env = role.Env
	session.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := session.StdoutPipe()
	if err == nil {
		err = session.Start()
	}
	if err == nil {
		lines := bufio.NewReader(out)
		for range 3 { // one process prints two lines; after the third, a closed pipe ends neither
			_, err = lines.ReadString('\n')
		}
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// TestAHostThatIsProcessOneLeavesNoZombies runs initRole as process 1 of a pid
// namespace, as in a container.
func TestAHostThatIsProcessOneLeavesNoZombies(t *testing.T) {
	role := fake("init")
	host := exec.Command(role.Path)
	host.Env = role.Env
	host.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS,
		Pdeathsig:  syscall.SIGKILL,
	}
	if os.Geteuid() != 0 { // a user namespace requires no privileges
		host.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		host.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		host.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := host.CombinedOutput()
	if exit, ran := errors.AsType[*exec.ExitError](err); err != nil && !ran || ran && exit.ExitCode() == noNamespace {
		message := fmt.Sprintf("NOT TESTED: a host that is process 1, because user %d gets no pid namespace with its own /proc: %v %s", os.Getuid(), err, out)
		if os.Geteuid() == 0 {
			t.Fatal(message)
		}
		t.Skip(message)
	}
	if err != nil {
		t.Errorf("the host has failed: %v", err)
	}
	want := "processes ended\nwith their groups, zombies: 0\nreaped the daemon\nreaped its session\ncommands ended: 7 7 7\nzombies: 0\n"
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Error(diff)
	}
}

// noNamespace is the exit code of initRole if it cannot mount its own /proc.
const noNamespace = 99

// initRole is a host that is process 1.
func initRole([]string) int {
	for _, err := range []error{
		syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""),
		syscall.Mount("proc", "/proc", "proc", 0, ""),
	} {
		if err != nil {
			fmt.Println("mount:", err)
			return noNamespace
		}
	}
	if err := initScenario(context.Background()); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func initScenario(ctx context.Context) error {
	if os.Getpid() != 1 {
		return fmt.Errorf("the process is %d", os.Getpid())
	}
	// Each process leaves another one in its group, which is killed and becomes a child
	// of process 1.
	for range 12 {
		p, err := fake("fork", "3").Start(ctx)
		if err != nil {
			return err
		}
		if exit, _ := p.Wait(ctx); exit.Code != 3 || len(exit.Survivors) != 1 {
			return fmt.Errorf("the exit is %v, survivors %v", exit, exit.Survivors)
		}
	}
	fmt.Println("processes ended")
	fmt.Println("with their groups, zombies:", len(zombies()))

	reaping, stop := context.WithCancel(ctx)
	defer stop()
	reaped := make(chan error)
	go func() { reaped <- proc.ReapOrphans(reaping) }()

	// Commands of the host itself: in its group, in a group of their own, and in a session
	// of their own. The host waits for them only after orphans were reaped.
	var commands []*exec.Cmd
	for _, attr := range []*syscall.SysProcAttr{nil, {Setpgid: true}, {Setsid: true}} {
		command := exec.Command("sh", "-c", "exit 7")
		command.SysProcAttr = attr
		if err := command.Start(); err != nil {
			return err
		}
		commands = append(commands, command)
	}

	for _, tt := range []struct {
		command proc.Command
		left    int
		message string
	}{
		{fake("daemonize", "0"), 1, "reaped the daemon"},
		{fake("background"), 2, "reaped its session"},
	} {
		tt.command.Logger = discard
		p, err := tt.command.Start(ctx)
		if err != nil {
			return err
		}
		exit, err := p.Wait(ctx)
		if err != nil || len(exit.Left) != tt.left {
			return fmt.Errorf("the exit is %v %q, %v", exit, exit.Lines, err)
		}
		for _, pid := range exit.Left {
			if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
				return err
			}
		}
		deadline := time.Now().Add(time.Minute)
		for _, pid := range exit.Left {
			for syscall.Access(fmt.Sprint("/proc/", pid), 0) == nil {
				if time.Now().After(deadline) {
					return fmt.Errorf("process %d not reaped", pid)
				}
				time.Sleep(10 * time.Millisecond)
			}
		}
		fmt.Println(tt.message)
	}

	fmt.Print("commands ended:")
	for _, command := range commands {
		_ = command.Wait()
		fmt.Print(" ", command.ProcessState.ExitCode())
	}
	fmt.Println()
	stop()
	if err := <-reaped; err != context.Canceled {
		return err
	}
	fmt.Println("zombies:", len(zombies()))
	return nil
}

// zombies returns the processes that have ended and were not reaped.
func zombies() []string {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	return slices.DeleteFunc(stats, func(name string) bool {
		stat, err := os.ReadFile(name)
		return err != nil || !strings.Contains(string(stat), ") Z ")
	})
}
