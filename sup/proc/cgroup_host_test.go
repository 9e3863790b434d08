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

// delegatedRole starts a process with a control group as root, and becomes another
// user, to which the group is delegated.
func delegatedRole(args []string) int {
	command := fake("stubborn")
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

// The control group kills a process that no signal reaches.
func TestAControlGroupReachesAProcessOfAnotherUser(t *testing.T) {
	host := start(t, fake("delegated", cgroupOf(t)))
	if exit, err := host.Wait(t.Context()); err != nil || exit.Code != 0 {
		t.Errorf("%v, %q, %v", exit, exit.Lines, err)
	}
}

// cgroupOf makes a control group of the kernel's for the groups of a test. It skips
// the test where there cannot be one.
func cgroupOf(t *testing.T) string {
	t.Helper()
	root := cgroupRoot(t)
	if root == "" || syscall.Access(root, 2) != nil {
		t.Skip("NOT TESTED on the kernel's control groups: there is no cgroup v2 here that is writable")
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

// groupedRole is a host of a process with a control group, and of a daemon in it.
func groupedRole(args []string) int {
	command := fake("daemonize", "sleep")
	command.Limits.Cgroup = args[0]
	p, err := command.Start(context.Background())
	if err != nil {
		fmt.Println(err)
		return 1
	}
	said := make(map[string]bool)
	for ; len(said) < 2; time.Sleep(5 * time.Millisecond) {
		for _, text := range texts(p.Tail()) {
			if !said[text] {
				fmt.Println(text)
			}
			said[text] = true
		}
	}
	fmt.Println("up")
	if args[1] == "sleep" {
		return sleepRole(nil)
	}
	p.Stop(context.Background(), 0)
	return 0
}

// A host that is killed leaves its control groups, and in them what is out of
// reach of the signal by which its processes die with it.
func TestWhatAKilledHostHasLeftIsRemovedByTheNext(t *testing.T) {
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
	said(t, host, "up")
	daemon, _ := strconv.Atoi(said(t, host, "forked "))
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
