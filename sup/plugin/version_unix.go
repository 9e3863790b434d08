//go:build unix

package plugin

import (
	"io/fs"
	"syscall"
	"time"
)

// fileID returns the inode number of a file, and the time of its last change, including
// that of its metadata, which no program can set.
func fileID(info fs.FileInfo) (id any, status time.Time) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, time.Time{}
	}
	return stat.Ino, statusTime(stat)
}
