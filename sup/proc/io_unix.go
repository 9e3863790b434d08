//go:build unix

package proc

import (
	"os"
	"syscall"
)

// readAvailable reads what is in a pipe, up to a limit, without waiting for more.
func readAvailable(file *os.File, limit int) []byte {
	conn, err := file.SyscallConn()
	if err != nil {
		return nil // the caller has closed the file
	}
	var all []byte
	buf := make([]byte, 32<<10)
	_ = conn.Read(func(fd uintptr) bool {
		for len(all) < limit {
			n, err := syscall.Read(int(fd), buf) // EAGAIN if the pipe is empty
			if err == syscall.EINTR {
				continue
			}
			if n <= 0 {
				break
			}
			all = append(all, buf[:n]...)
		}
		return true
	})
	return all
}

// writeFD writes a message that is short enough to be written in one piece.
func writeFD(fd int, message string) error {
	for {
		_, err := syscall.Write(fd, []byte(message))
		if err != syscall.EINTR {
			return err
		}
	}
}
