//go:build unix

package plugin

import (
	"io/fs"
	"syscall"
)

// fileID is the inode number: a file that another was renamed to may have the
// same size and time.
func fileID(info fs.FileInfo) any {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Ino
	}
	return nil
}
