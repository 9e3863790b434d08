//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package bolt

import "os"

// unlock closes a file whose mapping stays.
func unlock(file *os.File) { file.Close() }
