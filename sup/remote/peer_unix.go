//go:build linux || darwin || freebsd

package remote

import "net"

// control calls f with the file descriptor of a connection.
func control(c *net.UnixConn, f func(fd int)) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(func(fd uintptr) { f(int(fd)) })
}
