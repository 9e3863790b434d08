//go:build unix

package systemd_test

import (
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/espalier-go/espalier/internal/leaks"
)

// TestMain executes the test binary again as systemd would: in the same process, with
// two sockets as its first descriptors.
func TestMain(m *testing.M) {
	if os.Getenv("LISTEN_PID") == "" {
		fmt.Fprintln(os.Stderr, execWithSockets())
		os.Exit(1)
	}
	os.Exit(leaks.Run(m))
}

func execWithSockets() error {
	stream, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	datagram, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	var fds []int
	for _, socket := range []interface{ File() (*os.File, error) }{stream.(*net.TCPListener), datagram.(*net.UDPConn)} {
		file, err := socket.File()
		if err != nil {
			return err
		}
		fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 100)
		if err != nil {
			return err
		}
		fds = append(fds, fd)
	}
	env := append(os.Environ(), fmt.Sprintf("LISTEN_PID=%d", os.Getpid()), "LISTEN_FDS=2", "LISTEN_FDNAMES=web:dns")
	for i, fd := range fds { // may replace descriptors of this program, which ends here
		if err := unix.Dup2(fd, 3+i); err != nil {
			return err
		}
	}
	return syscall.Exec(exe, os.Args, env)
}
