package proc

import (
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// setAttributes gives the process a group of its own, makes it die with its host,
// and puts it into its control group.
func setAttributes(cmd *exec.Cmd, cg *cgroup) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if cg != nil {
		cmd.SysProcAttr.UseCgroupFD = true
		cmd.SysProcAttr.CgroupFD = int(cg.file.Fd())
	}
}

// reap waits for the end of the process, reaps it, and kills the rest of its group.
// It returns the processes that it has killed.
//
// It stops the group before it reaps the leader. So no member can leave the group,
// which keeps the id of the group from being used again, and the members can be
// counted before they are killed.
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
	state, _ := p.cmd.Process.Wait() // returns at once, because the process has ended
	p.reaped = true
	forgetProcess(pid)
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

// reapGroup reaps the children of the host in a group whose leader has been reaped,
// and reports whether there are no more of them. If the host is process 1 of a
// container or a subreaper, it becomes the parent of orphans, and nothing else
// waits for those.
func reapGroup(pgid int) bool {
	for {
		pid, err := syscall.Wait4(-pgid, nil, syscall.WNOHANG, nil)
		if err != syscall.EINTR && (err != nil || pid == 0) {
			return err != nil
		}
	}
}

// awaitGone waits until gone reports true, at most for killTimeout.
func awaitGone(gone func() bool) {
	deadline := time.Now().Add(killTimeout)
	for pause := time.Millisecond; !gone() && time.Now().Before(deadline); pause = min(2*pause, 50*time.Millisecond) {
		time.Sleep(pause)
	}
}

// hasEnded reports whether a child of the host has ended, without reaping it.
func hasEnded(p *Process) bool {
	// The kernel sets Signo only if the process has ended.
	var info unix.Siginfo
	err := unix.Waitid(unix.P_PID, p.Pid(), &info, unix.WEXITED|unix.WNOWAIT|unix.WNOHANG, nil)
	return err == unix.ECHILD || err == nil && info.Signo != 0
}

// groupMembers returns the processes of a group that have not ended.
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
