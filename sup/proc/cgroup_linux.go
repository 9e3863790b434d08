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

// cgroup is the control group (cgroup v2) of one process, and a nil one that of
// a process that has none of its own.
type cgroup struct {
	dir  string
	file *os.File // the directory, for the start; it holds the lock of the group
}

// newCgroup makes a control group, or returns nil where the limits need none.
func newCgroup(l Limits) (*cgroup, error) {
	if !l.grouped() {
		return nil, nil
	}
	parent, err := cgroupParent(l)
	if err != nil {
		return nil, &LimitError{"Cgroup", err}
	}
	settings := l.cgroupSettings()
	for _, s := range settings {
		if err := hasController(parent, s.controller); err != nil {
			return nil, &LimitError{s.limit, err}
		}
	}
	sweepOnce(parent)
	g, err := makeCgroup(parent)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return nil, &LimitError{"Cgroup", fmt.Errorf("name one that is writable: %w", err)}
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

type cgroupSetting struct{ limit, controller, file, value string }

// cgroupSettings are what is written to the files of a control group.
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

// cgroupParent finds the group below which there is to be a new one.
func cgroupParent(l Limits) (string, error) {
	parent := l.Cgroup
	if parent == "" {
		var err error
		if parent, err = ownCgroup(); err != nil {
			return "", err
		}
	}
	var stat unix.Statfs_t
	if err := unix.Statfs(parent, &stat); err != nil {
		return "", &fs.PathError{Op: "statfs", Path: parent, Err: err}
	}
	if stat.Type != unix.CGROUP2_SUPER_MAGIC {
		return "", fmt.Errorf("%s is no cgroup v2: %w", parent, errors.ErrUnsupported)
	}
	return parent, nil
}

// ownCgroup is the directory of the control group of the host.
func ownCgroup() (string, error) {
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

// hasController reports why groups below parent cannot use a controller.
func hasController(parent, name string) error {
	list := func(file string) []string {
		content, _ := os.ReadFile(filepath.Join(parent, file))
		return strings.Fields(string(content))
	}
	switch {
	case slices.Contains(list("cgroup.subtree_control"), name):
		return nil
	case slices.Contains(list("cgroup.controllers"), name):
		return fmt.Errorf("write +%s to %s, or name another Cgroup", name, filepath.Join(parent, "cgroup.subtree_control"))
	}
	return fmt.Errorf("%s does not have the controller %s: %w", parent, name, errors.ErrUnsupported)
}

// kill kills everything in the group, and reports whether the kernel has. Before
// Linux 5.14 it cannot, and then those of other users are not killed.
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

// writeControl writes to a file of a control group, which the kernel has created.
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

// end kills what is left in the group after the end of its process, and returns
// what that was.
func (g *cgroup) end() []int {
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
		return g.empty()
	})
	for _, p := range seen {
		reapIfEnded(p) // it may be a child of this program by now, see reapGroup
	}
	return left
}

// empty reports whether nothing runs in the group, or the group is gone.
func (g *cgroup) empty() bool {
	events, err := os.ReadFile(filepath.Join(g.dir, "cgroup.events"))
	return errors.Is(err, fs.ErrNotExist) || strings.Contains(string(events), "populated 0")
}

// oom reports whether something in the group was killed for lack of memory.
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

// peak is the most memory that the group has used, 0 if that is not known.
func (g *cgroup) peak() int64 {
	if g == nil {
		return 0
	}
	peak, _ := strconv.ParseInt(strings.TrimSpace(g.read("memory.peak")), 10, 64)
	return peak
}

// remove removes the group, and those that the process has made below it. Its
// lock goes last: a group that cannot be removed is left to the next host.
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
	slices.Reverse(dirs) // those below first
	for _, dir := range dirs {
		if err := os.Remove(dir); err != nil {
			return err
		}
	}
	return nil
}
