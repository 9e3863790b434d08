//go:build unix

package systemd

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

func checkOpen(fd int) error {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return os.NewSyscallError("fcntl", err)
}

// inherit returns the file of an inherited descriptor, and sets close-on-exec.
func inherit(fd int) *os.File {
	unix.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), "socket")
}

func duplicate(file *os.File) (*os.File, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	controlErr := raw.Control(func(own uintptr) { fd, err = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, firstSocket) })
	if err = errors.Join(controlErr, os.NewSyscallError("fcntl", err)); err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), file.Name()), nil
}
