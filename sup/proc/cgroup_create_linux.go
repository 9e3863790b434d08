package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/espalier-go/espalier/internal/leftover"
)

// groupPattern is what the names of control groups match: the process id of their
// host, and a number. The id only tells people whose they are. It proves nothing,
// since ids are used again, and each container has a process 1.
const (
	groupPattern = "espalier-*-*"
	groupName    = "espalier-%d-%d"
)

var cgroups atomic.Int64 // numbers those of this host

// makeCgroup creates a control group below parent, and takes its lock, which is
// held until the host removes the group or ends. It uses the next name that is
// free: another host with the same process id may have left some behind.
func makeCgroup(parent string) (*cgroup, error) {
	for {
		dir := filepath.Join(parent, fmt.Sprintf(groupName, os.Getpid(), cgroups.Add(1)))
		if err := os.Mkdir(dir, 0o755); errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		file, err := lockDir(dir)
		switch {
		case err == nil:
			return &cgroup{dir, file}, nil
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, leftover.ErrHeld):
			continue // another host has removed it, because it was not locked yet
		}
		return nil, errors.Join(err, os.Remove(dir))
	}
}

// lockDir opens a directory and takes its lock.
func lockDir(dir string) (*os.File, error) {
	file, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = leftover.Flock(file)
	if err == nil {
		var locked, there fs.FileInfo
		if locked, err = file.Stat(); err == nil {
			if there, err = os.Lstat(dir); err == nil && !os.SameFile(locked, there) {
				err = &fs.PathError{Op: "lock", Path: dir, Err: fs.ErrNotExist}
			}
		}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// sweeps has a function for each parent below which this host has control groups.
var sweeps sync.Map // of string to func()

// sweepOnce removes what hosts that are gone have left below parent, at the first
// call for that parent. Other calls wait until that is done.
func sweepOnce(parent string) {
	sweep, _ := sweeps.LoadOrStore(parent, sync.OnceFunc(func() { sweepCgroups(parent) }))
	sweep.(func())()
}

// sweepCgroups kills what runs in the control groups below parent whose host is
// gone, and removes them. The lock of a group proves that its host is gone when it
// can be taken: the kernel releases it when a host ends. What cannot be removed,
// such as the groups of another user, stays.
func sweepCgroups(parent string) {
	entries, _ := os.ReadDir(parent)
	var left []*cgroup
	for _, entry := range entries {
		if match, _ := filepath.Match(groupPattern, entry.Name()); !match || !entry.IsDir() {
			continue
		}
		dir := filepath.Join(parent, entry.Name())
		file, err := lockDir(dir)
		if err != nil {
			continue
		}
		left = append(left, &cgroup{dir, file})
	}
	// All of them have the time to end together: a start waits for this.
	awaitGone(func() bool {
		gone := true
		for _, g := range left {
			if !g.empty() {
				g.kill()
				gone = false
			}
		}
		return gone
	})
	for _, g := range left {
		_ = g.remove()
	}
}
