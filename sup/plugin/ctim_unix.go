//go:build unix && !darwin && !freebsd && !netbsd

package plugin

import (
	"syscall"
	"time"
)

func statusTime(stat *syscall.Stat_t) time.Time { return time.Unix(stat.Ctim.Unix()) }
