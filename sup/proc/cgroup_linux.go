package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// cgroup is the control group (cgroup v2) of one process. It is nil for a process
// without one.
type cgroup struct {
	dir  string
	file *os.File // the open directory, for the start; holds the lock of the group
}

// newCgroup creates a control group with the given limits, or returns nil if they
// need none.
func newCgroup(l Limits) (*cgroup, error) {
	if !l.needsCgroup() {
		return nil, nil
	}
	parent, err := cgroupParent(l)
	if err != nil {
		return nil, &LimitError{"Cgroup", err}
	}
	settings := l.cgroupSettings()
	for _, s := range settings {
		if err := checkController(parent, s.controller); err != nil {
			return nil, &LimitError{s.limit, err}
		}
	}
	sweepOnce(parent)
	g, err := createCgroup(parent)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return nil, &LimitError{"Cgroup", fmt.Errorf("set a writable one: %w", err)}
	case err != nil:
		return nil, &LimitError{"Cgroup", err}
	}
	for _, s := range settings {
		if err := writeControl(g.dir, s.file, s.value); err != nil {
			return nil, errors.Join(&LimitError{s.limit, err}, g.remove())
		}
	}
	return g, nil
}

// cgroupSetting is a value that is written to a file of a control group.
type cgroupSetting struct{ limit, controller, file, value string }

func (l Limits) cgroupSettings() []cgroupSetting {
	var all []cgroupSetting
	if l.Memory != 0 {
		all = append(all,
			cgroupSetting{"Memory", "memory", "memory.max", strconv.FormatInt(l.Memory, 10)},
			cgroupSetting{"Memory", "memory", "memory.oom.group", "1"})
	}
	if l.CPU != 0 {
		const period = 100_000 // microseconds, the kernel's default; a quota is at least 1000
		quota := max(1000, int64(l.CPU*period))
		all = append(all, cgroupSetting{"CPU", "cpu", "cpu.max", fmt.Sprintf("%d %d", quota, period)})
	}
	return all
}

// cgroupParent returns the directory of the parent group.
func cgroupParent(l Limits) (string, error) {
	parent := l.Cgroup
	if parent == "" {
		var err error
		if parent, err = hostCgroup(); err != nil {
			return "", err
		}
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(parent, &stat); err != nil {
		return "", &fs.PathError{Op: "statfs", Path: parent, Err: err}
	}
	if stat.Type != unix.CGROUP2_SUPER_MAGIC {
		return "", fmt.Errorf("%s: not a cgroup v2: %w", parent, errors.ErrUnsupported)
	}
	return parent, nil
}

// hostCgroup returns the directory of the control group of the host.
func hostCgroup() (string, error) {
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return "", err
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", err
	}
	for mount := range strings.Lines(string(mounts)) {
		before, after, _ := strings.Cut(mount, " - ")
		fields := strings.Fields(before)
		if len(fields) < 5 || !strings.HasPrefix(after, "cgroup2 ") {
			continue
		}
		for line := range strings.Lines(string(own)) {
			if path, ok := strings.CutPrefix(strings.TrimSpace(line), "0::"); ok {
				below, err := filepath.Rel(fields[3], path)
				if err != nil || strings.HasPrefix(below, "..") {
					below = path
				}
				return filepath.Join(fields[4], below), nil
			}
		}
	}
	return "", fmt.Errorf("cgroup v2 is not mounted: %w", errors.ErrUnsupported)
}

// checkController returns an error if groups below parent cannot use a controller.
func checkController(parent, name string) error {
	list := func(file string) []string {
		content, _ := os.ReadFile(filepath.Join(parent, file))
		return strings.Fields(string(content))
	}
	switch {
	case slices.Contains(list("cgroup.subtree_control"), name):
		return nil
	case slices.Contains(list("cgroup.controllers"), name):
		return fmt.Errorf("controller %s not enabled: write +%s to %s, or set another Cgroup", name, name, filepath.Join(parent, "cgroup.subtree_control"))
	}
	return fmt.Errorf("%s: no controller %s: %w", parent, name, errors.ErrUnsupported)
}

// kill kills all processes in the group, and reports whether the kernel did it in one
// step. Without that, before Linux 5.14, it may miss processes of other users.
func (g *cgroup) kill() bool {
	if g == nil {
		return false
	}
	if writeControl(g.dir, "cgroup.kill", "1") == nil {
		return true
	}
	for _, pid := range g.members() {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	return false
}

// writeControl writes to a file of a control group. It does not create the file.
func writeControl(dir, name, value string) error {
	file, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteString(value)
	return errors.Join(err, file.Close())
}

func (g *cgroup) members() []int {
	var pids []int
	for _, field := range strings.Fields(g.read("cgroup.procs")) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// has reports whether a process is in the group.
func (g *cgroup) has(pid int) bool { return g != nil && slices.Contains(g.members(), pid) }

func (g *cgroup) read(file string) string {
	content, _ := os.ReadFile(filepath.Join(g.dir, file))
	return string(content)
}

// killAll kills the processes that are left in the group after the end of its
// process, and returns them.
func (g *cgroup) killAll() []int {
	if g == nil {
		return nil
	}
	left := g.members()
	var seen []processStat
	for _, pid := range left {
		if p, _, err := readProcess(pid, nil); err == nil {
			seen = append(seen, p)
		}
	}
	awaitGone(func() bool {
		g.kill()
		return g.isEmpty()
	})
	for _, p := range seen {
		reapIfEnded(p) // the host may be its parent by now, see reapGroup
	}
	return left
}

// isEmpty reports whether the group has no processes, or no longer exists.
func (g *cgroup) isEmpty() bool {
	events, err := os.ReadFile(filepath.Join(g.dir, "cgroup.events"))
	return errors.Is(err, fs.ErrNotExist) || strings.Contains(string(events), "populated 0")
}

// oom reports whether the kernel has killed in the group for lack of memory.
func (g *cgroup) oom() bool {
	if g == nil {
		return false
	}
	for line := range strings.Lines(g.read("memory.events")) {
		if count, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return strings.TrimSpace(count) != "0"
		}
	}
	return false
}

// peak returns the peak memory of the group in bytes, or 0 if it is unknown.
func (g *cgroup) peak() int64 {
	if g == nil {
		return 0
	}
	peak, _ := strconv.ParseInt(strings.TrimSpace(g.read("memory.peak")), 10, 64)
	return peak
}

// remove removes the group, and the groups that the process has created below it. It
// releases the lock last: the next host removes a group that remains.
func (g *cgroup) remove() error {
	if g == nil {
		return nil
	}
	defer g.file.Close()
	var dirs []string
	_ = filepath.WalkDir(g.dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	slices.Reverse(dirs) // children before their parents
	for _, dir := range dirs {
		if err := os.Remove(dir); err != nil {
			return err
		}
	}
	return nil
}
