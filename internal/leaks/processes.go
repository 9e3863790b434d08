package leaks

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// RunOutside is Run for tests that start processes. It also fails if a child process,
// a file in temp or a goroutine of the given packages remains. packages are parts of
// their import paths.
func RunOutside(m *testing.M, temp string, packages ...string) (code int) {
	if code = Run(m); code != 0 {
		return code
	}
	for _, list := range []func() string{
		Children,
		func() string { return Goroutines(packages...) },
		func() string { return Files(temp) },
	} {
		if left := AwaitNone(list); left != "" {
			fmt.Fprintln(os.Stderr, "FAIL: left after the tests:", left)
			return 1
		}
	}
	return 0
}

// AwaitNone waits until list returns "", for at most ten seconds, and returns its last
// result.
func AwaitNone(list func() string) string {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		left := list()
		if left == "" || time.Now().After(deadline) {
			return left
		}
	}
}

// Children returns the ids of the child processes of this one, on a system that lists
// them.
func Children() string {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	var all []string
	for _, list := range lists {
		pids, _ := os.ReadFile(list)
		all = append(all, strings.Fields(string(pids))...)
	}
	return strings.Join(all, " ")
}

// Files returns the paths of the files in a directory.
func Files(dir string) string {
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	return strings.Join(names, " ")
}

// Goroutines returns the stacks of the goroutines of packages, apart from this one and
// those of sup/proc that start processes, which never end. packages are parts of
// import paths.
func Goroutines(packages ...string) string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var left []string
	for _, g := range strings.Split(string(stacks), "\n\n")[1:] {
		ours := slices.ContainsFunc(packages, func(p string) bool { return strings.Contains(g, p) })
		if ours && !strings.Contains(g, "sup/proc.(*starter)") {
			left = append(left, g)
		}
	}
	return strings.Join(left, "\n\n")
}
