package remote

import (
	"net"
	"syscall"
)

const (
	hasPeerCredentials = true
	maxSocketPath      = 107 // sun_path has 108 bytes, with the final NUL
)

// peerProcess returns the process at the other end of a unix socket, from the kernel.
func peerProcess(c *net.UnixConn) (*process, error) {
	var (
		cred    *syscall.Ucred
		credErr error
	)
	err := control(c, func(fd int) { cred, credErr = syscall.GetsockoptUcred(fd, syscall.SOL_SOCKET, syscall.SO_PEERCRED) })
	if err == nil {
		err = credErr
	}
	if err != nil {
		return nil, err
	}
	return &process{uid: cred.Uid, gid: cred.Gid, pid: cred.Pid}, nil
}
