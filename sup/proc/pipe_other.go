//go:build !unix

package proc

import (
	"io"
	"os"
)

// readAvailable reads what is in a pipe, up to a limit, until its end or until
// somebody closes it.
func readAvailable(file *os.File, limit int) []byte {
	all, _ := io.ReadAll(io.LimitReader(file, int64(limit)))
	return all
}
