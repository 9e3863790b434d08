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

// The names of control groups consist of the process id of the host and a number.
// The id is for people. It proves nothing, since ids are used again, and each
// container has a process 1.
const (
	groupPattern = "espalier-*-*"
	groupName    = "espalier-%d-%d"
)

var cgroupCount atomic.Int64 // the control groups of this host

// createCgroup creates a control group below parent and locks it until the host
// removes the group or ends. It uses the next free name: another host with the same
// process id may have left some groups behind.
func createCgroup(parent string) (*cgroup, error) {
	for {
		dir := filepath.Join(parent, fmt.Sprintf(groupName, os.Getpid(), cgroupCount.Add(1)))
		if err := os.Mkdir(dir, 0o755); errors.Is(err, fs.ErrExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		g, err := openCgroup(dir)
		switch {
		case err == nil:
			return g, nil
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, leftover.ErrHeld):
			continue // the sweep of another host has found the group before it was locked
		}
		return nil, errors.Join(err, os.Remove(dir))
	}
}

// openCgroup opens a control group and locks it.
func openCgroup(dir string) (*cgroup, error) {
	file, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := leftover.Lock(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &cgroup{dir, file}, nil
}

// sweeps has a function for each parent below which this host has control groups.
var sweeps sync.Map // of string to func()

// sweepOnce removes what other hosts have left behind below parent. Only the first
// call for a parent does so, and further calls wait for it.
func sweepOnce(parent string) {
	sweep, _ := sweeps.LoadOrStore(parent, sync.OnceFunc(func() { sweepCgroups(parent) }))
	sweep.(func())()
}

// sweepCgroups removes the control groups below parent whose host has ended, and
// kills the processes in them. The kernel releases the lock of a group when its host
// ends, so a lock that can be taken proves that the host has ended. Groups that
// cannot be removed, such as those of another user, remain.
func sweepCgroups(parent string) {
	entries, _ := os.ReadDir(parent)
	var abandoned []*cgroup
	for _, entry := range entries {
		if match, _ := filepath.Match(groupPattern, entry.Name()); !match || !entry.IsDir() {
			continue
		}
		if g, err := openCgroup(filepath.Join(parent, entry.Name())); err == nil {
			abandoned = append(abandoned, g)
		}
	}
	// One timeout for all of them, because a start waits for the sweep.
	awaitGone(func() bool {
		gone := true
		for _, g := range abandoned {
			if !g.isEmpty() {
				g.kill()
				gone = false
			}
		}
		return gone
	})
	for _, g := range abandoned {
		_ = g.remove()
	}
}
