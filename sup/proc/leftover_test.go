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

func init() { roles["grouped"] = groupedRole }

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
	root := cgroupRoot(t)
	if root == "" || syscall.Access(root, 2) != nil {
		t.Skip("NOT TESTED on the kernel's control groups: there is no cgroup v2 here that is writable")
	}
	parent := filepath.Join(root, fmt.Sprintf("test-%d", os.Getpid()))
	if err := os.Mkdir(parent, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.Remove(parent); err != nil {
			t.Error(err)
		}
	})
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
