//go:build linux

package proc

import (
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// For the kernel, a zombie is still a member of its group.
func TestAZombieIsNotAMemberOfAGroup(t *testing.T) {
	sleeper := exec.Command("sleep", "1000")
	sleeper.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	group := sleeper.Process.Pid
	if members, err := groupMembers(group); err != nil || !cmp.Equal([]int{group}, members) {
		t.Error(members, err)
	}
	_ = sleeper.Process.Kill()
	if err := unix.Waitid(unix.P_PID, group, nil, unix.WEXITED|unix.WNOWAIT, nil); err != nil {
		t.Fatal(err)
	}
	if members, err := groupMembers(group); err != nil || len(members) != 0 || syscall.Kill(-group, 0) != nil {
		t.Errorf("members of a group that has ended: %v, %v", members, err)
	}
	_ = sleeper.Wait()
}

func TestProcessesAndFailedStartsLeaveNoDescriptorOpen(t *testing.T) {
	open := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	run := func() {
		p, err := Command{Path: "true", Stdout: Kept, Stderr: Kept}.start(t.Context(), nil, func(string) {})
		if err != nil {
			t.Fatal(err)
		}
		<-p.Done()
		if _, err := (Command{Path: "/no/such/program"}).Start(t.Context()); err == nil {
			t.Fatal("a missing program has started")
		}
	}
	run() // the runtime opens descriptors of its own
	before := open()
	for range 10 {
		run()
	}
	if after := open(); after > before+2 { // of other processes that are about to end
		t.Errorf("%d descriptors are open, %d were before", after, before)
	}
}
