//go:build !unix

package proc

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"syscall"
)

// This file stands in for what proc has on Unix systems only: process groups,
// signals other than SIGKILL, users, and inherited descriptors.

// hasSignals is whether the system has a signal that asks a process to stop.
const hasSignals = false

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

// hasUsers is whether users and groups have numbers that a process can be given.
const hasUsers = false

func hostIdentity() (uid, gid uint32) { return 0, 0 }

func (*identity) forbidden() string { return "" }

func (Command) setIdentity(*exec.Cmd) error { return nil }

func (Command) explainIdentity(err error) error { return err }

// readAvailable reads a pipe, up to a limit, until its end or until it is closed.
func readAvailable(file *os.File, limit int) []byte {
	all, _ := io.ReadAll(io.LimitReader(file, int64(limit)))
	return all
}

func writeFD(int, string) error { return errors.ErrUnsupported }

type closableSocket interface {
	Socket
	Close() error
}

func openListener(network, address string) (closableSocket, error) {
	return nil, fmt.Errorf("listen %s %s: sockets cannot be inherited on this system: %w", network, address, errors.ErrUnsupported)
}

func inheritable(file *os.File) (*os.File, net.Addr, error) {
	file.Close()
	return nil, nil, errors.ErrUnsupported
}
