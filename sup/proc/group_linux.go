package proc

import (
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// setAttributes gives the process a group of its own, lets it die with its
// host, and puts it into its control group.
func setAttributes(cmd *exec.Cmd, cg *cgroup) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if cg != nil {
		cmd.SysProcAttr.UseCgroupFD = true
		cmd.SysProcAttr.CgroupFD = int(cg.file.Fd())
	}
}

// reap waits until the process has ended, reaps it, and kills what is left of
// its group.
//
// The group is stopped before the leader is reaped. So whoever is left in it
// cannot leave, which keeps its id from being anybody else's, and can be
// counted before it is killed.
func (p *Process) reap() (*os.ProcessState, []int) {
	pid := p.Pid()
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	p.mu.Lock()
	_ = syscall.Kill(-pid, syscall.SIGSTOP)
	state, _ := p.cmd.Process.Wait() // does not wait: it has ended
	p.reaped = true
	startReaped(pid)
	p.mu.Unlock()
	if syscall.Kill(-pid, 0) == syscall.ESRCH {
		return state, nil
	}
	survivors, _ := groupMembers(pid)
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	awaitGone(func() bool {
		if !reapGroup(pid) {
			return false
		}
		if syscall.Kill(-pid, 0) == syscall.ESRCH {
			return true
		}
		members, err := groupMembers(pid)
		return err == nil && len(members) == 0 && reapGroup(pid)
	})
	return state, survivors
}

// reapGroup reaps the children of this program in a group whose leader has been
// reaped. What has outlived its parent becomes a child of this program when that
// is the init of a container or a subreaper, and nothing else waits for it.
// reapGroup reports whether there are no such children any more.
func reapGroup(pgid int) bool {
	for {
		pid, err := syscall.Wait4(-pgid, nil, syscall.WNOHANG, nil)
		if err != syscall.EINTR && (err != nil || pid == 0) {
			return err != nil
		}
	}
}

// awaitGone waits until what was killed is gone, up to killTime.
func awaitGone(gone func() bool) {
	deadline := time.Now().Add(killTime)
	for wait := time.Millisecond; !gone() && time.Now().Before(deadline); wait = min(2*wait, 50*time.Millisecond) {
		time.Sleep(wait)
	}
}

// hasEnded reports whether a child of this program has ended. It does not reap
// it.
func hasEnded(p *Process) bool {
	// The kernel fills in the id only if there is one that has ended.
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, p.Pid(), &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
	return err == unix.ECHILD || err == nil && info.Signo != 0
}

// groupMembers lists the processes of a group that have not ended.
func groupMembers(pgid int) ([]int, error) {
	processes, err := listProcesses()
	var members []int
	for _, p := range processes {
		if p.group == pgid && !p.ended {
			members = append(members, p.pid)
		}
	}
	return members, err
}
