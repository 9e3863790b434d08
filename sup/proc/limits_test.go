//go:build linux

package proc_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup/proc"
)

// Guarantee 8.
func TestResourceLimitsApplyToTheProcess(t *testing.T) {
	command := fake("limits")
	command.Tail = 100
	want := make(map[string]string)
	command.Limits.Rlimits = make(map[proc.Rlimit]uint64)
	for i, tt := range []struct {
		limit proc.Rlimit
		name  string // in /proc
		least uint64 // value with which a Go program still runs
	}{
		{proc.AddressSpace, "Max address space", 1 << 50},
		{proc.CoreSize, "Max core file size", 0},
		{proc.CPUSeconds, "Max cpu time", 1000},
		{proc.DataSize, "Max data size", 1 << 50},
		{proc.FileSize, "Max file size", 1 << 20},
		{proc.LockedMemory, "Max locked memory", 0},
		{proc.OpenFiles, "Max open files", 50},
		{proc.Processes, "Max processes", 10000},
		{proc.StackSize, "Max stack size", 1 << 20},
	} {
		value := tt.least + uint64(i)
		command.Limits.Rlimits[tt.limit] = value
		want[tt.name] = strconv.FormatUint(value, 10)
	}
	exit := exitOf(t, command)
	got := make(map[string]string)
	columns := regexp.MustCompile(`^(.+?) {2,}(\S+) +(\S+)`)
	for _, text := range texts(exit.Lines) {
		if m := columns.FindStringSubmatch(text); m != nil && want[m[1]] != "" {
			got[m[1]] = m[2]
			if m[2] != m[3] {
				t.Errorf("the hard limit differs: %s", text)
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%v: %s", exit, diff)
	}
}

// ptrace must not change how the process handles signals.
func TestAProcessWithLimitsHandlesSignals(t *testing.T) {
	command := fake("graceful", "0")
	command.Limits.Rlimits = map[proc.Rlimit]uint64{proc.CoreSize: 0}
	p := start(t, command)
	awaitLine(t, p, "up")
	if exit := p.Stop(t.Context(), 1<<62); exit.Code != 0 || exit.Signal != 0 {
		t.Errorf("the exit is %v", exit)
	}
}

func TestTheExitHasTheSignalOfALimit(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	command := proc.Command{Path: "sh", Args: []string{"-c", "echo too much >$0", out}, Stdout: proc.Kept}
	command.Limits.Rlimits = map[proc.Rlimit]uint64{proc.FileSize: 3, proc.CoreSize: 0}
	if exit := exitOf(t, command); exit.Signal != syscall.SIGXFSZ {
		t.Errorf("the exit is %v, want SIGXFSZ", exit)
	}
}

func TestALimitThatCannotBeSetIsAnError(t *testing.T) {
	var highest syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &highest); err != nil {
		t.Fatal(err)
	}
	command := fake("sleep")
	command.Limits.Rlimits = map[proc.Rlimit]uint64{proc.OpenFiles: 1 << 62} // more than the kernel's fs.nr_open
	_, err := command.Start(t.Context())
	limit, ok := errors.AsType[*proc.LimitError](err)
	if !ok || limit.Limit != "open files" || !errors.Is(err, proc.ErrLimit) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("the error is %v", err)
	}
}

func TestAnInvalidCgroupIsAnError(t *testing.T) {
	for dir, want := range map[string]error{
		t.TempDir():  errors.ErrUnsupported,
		"/no/such/x": fs.ErrNotExist,
	} {
		command := fake("sleep")
		command.Limits.Cgroup = dir
		_, err := command.Start(t.Context())
		if limit, ok := errors.AsType[*proc.LimitError](err); !ok || limit.Limit != "Cgroup" || !errors.Is(err, want) {
			t.Errorf("the error is %v", err)
		}
	}
}

// cgroupRoot returns the root of the cgroup v2, or "" if it is not mounted.
func cgroupRoot(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	for mount := range strings.Lines(string(mounts)) {
		if strings.Contains(mount, " - cgroup2 ") {
			return strings.Fields(mount)[4]
		}
	}
	return ""
}

// On a system without a writable cgroup v2, the start fails with a LimitError.
func TestAControlGroupKillsDescendantsThatHaveLeftTheProcessGroup(t *testing.T) {
	command := fake("fork", "0", "setsid")
	command.Limits.Cgroup = cgroupRoot(t)
	if command.Limits.Cgroup == "" {
		command.Limits.Memory = 1 << 30
	}
	before := controlGroups(command.Limits.Cgroup)
	p, err := command.Start(t.Context())
	if err != nil {
		if _, ok := errors.AsType[*proc.LimitError](err); !ok || syscall.Access(command.Limits.Cgroup, 2) == nil {
			t.Errorf("the error is %v", err)
		}
		return
	}
	exit, err := p.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	child, _ := strconv.Atoi(awaitLine(t, p, "forked "))
	if !gone(child) {
		t.Errorf("process %d has survived", child)
	}
	if diff := cmp.Diff([]int{child}, exit.Survivors); diff != "" {
		t.Errorf("survivors: %s", diff)
	}
	if diff := cmp.Diff(before, controlGroups(command.Limits.Cgroup)); diff != "" {
		t.Errorf("control groups after the exit: %s", diff)
	}
}

// controlGroups returns the control groups that this process has created.
func controlGroups(root string) []string {
	dirs, _ := filepath.Glob(filepath.Join(root, fmt.Sprintf("espalier-%d-*", os.Getpid())))
	return dirs
}

// Without the controllers, the error names the limit.
func TestLimitsOfMemoryAndProcessorsApplyWithTheirControllers(t *testing.T) {
	root := cgroupRoot(t)
	for _, tt := range []struct {
		limits     proc.Limits
		controller string
	}{
		{proc.Limits{Memory: 1 << 30, Cgroup: root}, "memory"},
		{proc.Limits{CPU: 1.5, Cgroup: root}, "cpu"},
	} {
		command := fake("limits")
		command.Tail, command.Limits = 100, tt.limits
		p, err := command.Start(t.Context())
		if err != nil {
			limit, ok := errors.AsType[*proc.LimitError](err)
			if !ok || root != "" && !strings.EqualFold(limit.Limit, tt.controller) && !errors.Is(err, fs.ErrPermission) {
				t.Errorf("the error is %v", err)
			}
			continue
		}
		exit, err := p.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		own := fmt.Sprintf("0::/espalier-%d-", os.Getpid())
		if !strings.Contains(strings.Join(texts(exit.Lines), "\n"), own) {
			t.Errorf("not in a control group of its own: %q", texts(exit.Lines))
		}
	}
}
