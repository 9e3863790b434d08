//go:build !unix

package proc

import (
	"os"
	"os/exec"
	"syscall"
)

// There are no process groups here, and no signals but the one that kills.

// canAsk: a process can be asked to stop.
const canAsk = false

func setAttributes(*exec.Cmd, *cgroup) {}

func signalGroup(leader *os.Process, sig syscall.Signal) error { return leader.Signal(sig) }

func hasEnded(*Process) bool { return true }

func (p *Process) resume() {}

func (p *Process) reap() (*os.ProcessState, []int) {
	state, _ := p.cmd.Process.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reaped = true
	return state, nil
}

func details(*os.ProcessState) (signal syscall.Signal, core bool, maxRSS int64) { return 0, false, 0 }
