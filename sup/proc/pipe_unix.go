//go:build unix

package proc

import (
	"os"
	"syscall"
)

// readAvailable reads what is in a pipe, up to a limit, and does not wait for
// more.
func readAvailable(file *os.File, limit int) []byte {
	conn, err := file.SyscallConn()
	if err != nil {
		return nil // the caller has closed it
	}
	var all []byte
	buf := make([]byte, 32<<10)
	_ = conn.Read(func(fd uintptr) bool {
		for len(all) < limit {
			n, err := syscall.Read(int(fd), buf) // EAGAIN where there is no more
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
