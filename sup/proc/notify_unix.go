//go:build unix

package proc

import "syscall"

func writeFD(fd int, message string) error {
	for {
		_, err := syscall.Write(fd, []byte(message)) // short enough to be written whole
		if err != syscall.EINTR {
			return err
		}
	}
}
