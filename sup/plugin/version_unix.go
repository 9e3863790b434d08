//go:build unix

package plugin

import (
	"io/fs"
	"syscall"
	"time"
)

// identity returns the inode number of a file, which a file that another was
// renamed to may differ in, and the time of the last change of anything about
// it, which no program can set.
func identity(info fs.FileInfo) (id any, status time.Time) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil, time.Time{}
	}
	return stat.Ino, statusTime(stat)
}
