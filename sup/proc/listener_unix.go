//go:build unix

package proc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// closableSocket is a socket that was just opened.
type closableSocket interface {
	Socket
	Close() error
}

// openListener opens a socket, and replaces a stale socket file.
func openListener(network, address string) (closableSocket, error) {
	socket, err := openOnce(network, address)
	if errors.Is(err, syscall.EADDRINUSE) && isStale(network, address) && os.Remove(address) == nil {
		return openOnce(network, address)
	}
	return socket, err
}

func openOnce(network, address string) (closableSocket, error) {
	var config net.ListenConfig
	switch network {
	case "tcp", "tcp4", "tcp6", "unix", "unixpacket":
		l, err := config.Listen(context.Background(), network, address)
		if err != nil {
			return nil, err
		}
		if l, ok := l.(*net.UnixListener); ok {
			l.SetUnlinkOnClose(false) // the Listener keeps the socket open
		}
		return l.(closableSocket), nil
	case "udp", "udp4", "udp6", "unixgram":
		conn, err := config.ListenPacket(context.Background(), network, address)
		if err != nil {
			return nil, err
		}
		return conn.(closableSocket), nil
	}
	return nil, fmt.Errorf("listen %s %s: unknown network, use tcp, udp or unix: %w", network, address, errors.ErrUnsupported)
}

// isStale reports whether a path is a socket file that no process has open.
func isStale(network, path string) bool {
	stat, err := os.Lstat(path)
	if err != nil || stat.Mode().Type() != fs.ModeSocket {
		return false
	}
	conn, err := net.Dial(network, path)
	if err == nil {
		conn.Close()
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// inheritable returns a file of the same socket that keeps its mode when a process
// inherits it, and the address of the socket. It closes the given file.
func inheritable(file *os.File) (*os.File, net.Addr, error) {
	defer file.Close()
	addr, err := addressOf(file)
	if err != nil {
		return nil, nil, err
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, nil, err
	}
	fd := -1
	controlErr := raw.Control(func(socket uintptr) { fd, err = unix.FcntlInt(socket, unix.F_DUPFD_CLOEXEC, 3) })
	if err = errors.Join(controlErr, os.NewSyscallError("fcntl", err)); err != nil {
		return nil, nil, err
	}
	if err := unix.SetNonblock(fd, false); err != nil { // before os.NewFile, which remembers the mode
		unix.Close(fd)
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return os.NewFile(uintptr(fd), addr.String()), addr, nil
}

// addressOf returns the address of a listening or a datagram socket.
func addressOf(file *os.File) (net.Addr, error) {
	if l, err := net.FileListener(file); err == nil {
		defer l.Close()
		return l.Addr(), nil
	}
	conn, err := net.FilePacketConn(file)
	if err != nil {
		return nil, fmt.Errorf("not a listening or datagram socket: %w", err)
	}
	defer conn.Close()
	return conn.LocalAddr(), nil
}
