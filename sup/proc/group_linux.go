package proc

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// canAsk: a process can be asked to stop.
const canAsk = true

// setAttributes gives the process a group of its own, lets it die with its
// host, and puts it into its control group.
func setAttributes(cmd *exec.Cmd, cg *cgroup) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if cg != nil {
		cmd.SysProcAttr.UseCgroupFD = true
		cmd.SysProcAttr.CgroupFD = int(cg.file.Fd())
	}
}

// signalGroup is called only as long as the leader of the group has not been
// reaped: until then its id is no one else's.
func signalGroup(leader *os.Process, sig syscall.Signal) error {
	return os.NewSyscallError("kill", syscall.Kill(-leader.Pid, sig))
}

// resume lets a process that is stopped go on, so that it hears other signals.
func (p *Process) resume() { _ = p.Signal(syscall.SIGCONT) }

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
	p.mu.Unlock()
	if syscall.Kill(-pid, 0) == syscall.ESRCH {
		return state, nil
	}
	survivors := groupMembers(pid)
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	awaitGone(func() bool { return syscall.Kill(-pid, 0) == syscall.ESRCH || len(groupMembers(pid)) == 0 })
	return state, survivors
}

// killTime is how long something that was killed may take to go. What takes
// longer hangs in the kernel, or belongs to another user.
const killTime = 2 * time.Second

// awaitGone waits until what was killed is gone, up to killTime.
func awaitGone(gone func() bool) {
	deadline := time.Now().Add(killTime)
	for wait := time.Millisecond; !gone() && time.Now().Before(deadline); wait = min(2*wait, 50*time.Millisecond) {
		time.Sleep(wait)
	}
}

// groupMembers lists the processes of a group that have not ended.
func groupMembers(pgid int) []int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	var members []int
	for _, name := range stats {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended since
		}
		_, after, _ := bytes.Cut(stat[max(0, bytes.LastIndexByte(stat, ')')):], []byte(" "))
		fields := bytes.Fields(after) // state, parent, group, …
		if len(fields) < 3 || string(fields[2]) != strconv.Itoa(pgid) || bytes.ContainsAny(fields[0], "ZX") {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			members = append(members, pid)
		}
	}
	return members
}
