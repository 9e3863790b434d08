//go:build linux

package proc_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func init() {
	roles["grouped"] = groupedRole
	roles["delegated"] = delegatedRole
}

// delegatedRole starts a process with a control group as root, delegates the group to
// another user, and becomes that user.
func delegatedRole(args []string) int {
	command := fake("ignore-term")
	command.Limits.Cgroup = args[0]
	p, err := command.Start(context.Background())
	if err != nil {
		fmt.Println(err)
		return 1
	}
	const nobody = 65534
	kill, _ := filepath.Glob(filepath.Join(args[0], "espalier-*", "cgroup.kill"))
	for _, path := range append(kill, args[0]) {
		if err := os.Chown(path, nobody, nobody); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	if err := syscall.Setresuid(nobody, nobody, nobody); err != nil {
		fmt.Println(err)
		return 1
	}
	if exit := p.Stop(context.Background(), time.Hour); exit.Signal != syscall.SIGKILL || exit.Unkilled != nil {
		fmt.Println(exit)
		return 1
	}
	return 0
}

// The host may send no signal to the process.
func TestAControlGroupKillsAProcessOfAnotherUser(t *testing.T) {
	host := start(t, fake("delegated", cgroupOf(t)))
	if exit, err := host.Wait(t.Context()); err != nil || exit.Code != 0 {
		t.Errorf("%v, %q, %v", exit, exit.Lines, err)
	}
}

// cgroupOf creates a parent for the control groups of a test. It skips the test on a
// system without a writable cgroup v2.
func cgroupOf(t *testing.T) string {
	t.Helper()
	root := cgroupRoot(t)
	if root == "" || syscall.Access(root, 2) != nil {
		t.Skip("NOT TESTED: control groups of the kernel, for lack of a writable cgroup v2")
	}
	parent, err := os.MkdirTemp(root, "test-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(parent); err != nil {
			t.Error(err)
		}
	})
	return parent
}

// groupedRole is the host of a process with a control group, which contains a daemon
// too.
func groupedRole(args []string) int {
	command := fake("daemonize", "sleep")
	command.Limits.Cgroup = args[0]
	p, err := command.Start(context.Background())
	if err != nil {
		fmt.Println(err)
		return 1
	}
	printed := make(map[string]bool)
	for ; len(printed) < 2; time.Sleep(5 * time.Millisecond) {
		for _, text := range texts(p.Tail()) {
			if !printed[text] {
				fmt.Println(text)
			}
			printed[text] = true
		}
	}
	fmt.Println("up")
	if args[1] == "sleep" {
		return sleepRole(nil)
	}
	p.Stop(context.Background(), 0)
	return 0
}

// The control groups of a killed host remain, with the processes that do not die with
// the host.
func TestTheNextHostRemovesTheControlGroupsOfAKilledHost(t *testing.T) {
	parent := cgroupOf(t)
	groups := func() []string {
		dirs, _ := filepath.Glob(filepath.Join(parent, "*/"))
		var groups []string
		for _, dir := range dirs {
			if stat, err := os.Stat(dir); err == nil && stat.IsDir() {
				groups = append(groups, filepath.Base(dir))
			}
		}
		return groups
	}
	host := start(t, fake("grouped", parent, "sleep"))
	awaitLine(t, host, "up")
	daemon, _ := strconv.Atoi(awaitLine(t, host, "forked "))
	if err := syscall.Kill(host.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-host.Done()
	if gone(daemon) || len(groups()) != 1 {
		t.Fatalf("the host has left %v", groups())
	}

	next := start(t, fake("grouped", parent, "exit"))
	exit, err := next.Wait(t.Context())
	if err != nil || exit.Code != 0 {
		t.Fatalf("%v, %q, %v", exit, exit.Lines, err)
	}
	if !gone(daemon) {
		t.Error("the daemon runs on")
	}
	if left := groups(); len(left) > 0 {
		t.Errorf("left: %s", strings.Join(left, " "))
	}
}
