//go:build darwin || freebsd

package remote

import (
	"net"

	"golang.org/x/sys/unix"
)

const (
	hasPeerCredentials = true
	maxSocketPath      = 103 // sun_path has 104 bytes, with the final NUL
)

// solLocal is SOL_LOCAL, the level of the options of unix sockets.
const solLocal = 0

// peerProcess returns the process at the other end of a unix socket, from the kernel.
func peerProcess(c *net.UnixConn) (*process, error) {
	var (
		cred    *unix.Xucred
		credErr error
	)
	err := control(c, func(fd int) { cred, credErr = unix.GetsockoptXucred(fd, solLocal, unix.LOCAL_PEERCRED) })
	if err == nil {
		err = credErr
	}
	if err != nil {
		return nil, err
	}
	p := &process{uid: cred.Uid}
	if cred.Ngroups > 0 {
		p.gid = cred.Groups[0]
	}
	return p, nil
}
