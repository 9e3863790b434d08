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

// RunOutside does what Run does, and then finds nothing left outside of the tests:
// no process, no goroutine that works for any of the packages, which parts of
// their import paths stand for, and no file in temp.
func RunOutside(m *testing.M, temp string, packages ...string) (code int) {
	if code = Run(m); code != 0 {
		return code
	}
	for _, left := range []func() string{
		Children,
		func() string { return goroutines(packages) },
		func() string { return Files(temp) },
	} {
		if what := AwaitNone(left); what != "" {
			fmt.Fprintln(os.Stderr, "FAIL: left after the tests:", what)
			return 1
		}
	}
	return 0
}

// AwaitNone waits until nothing is left, and returns what is after ten seconds.
func AwaitNone(left func() string) string {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		what := left()
		if what == "" || time.Now().After(deadline) {
			return what
		}
	}
}

// Children returns the processes whose parent is this one, where the system has a
// way to say so.
func Children() string {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	var all []string
	for _, list := range lists {
		pids, _ := os.ReadFile(list)
		all = append(all, strings.Fields(string(pids))...)
	}
	return strings.Join(all, " ")
}

// Files returns the files in a directory.
func Files(dir string) string {
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	return strings.Join(names, " ")
}

// goroutines returns the stacks of those that work for packages. The one goroutine
// of sup/proc that starts all processes never ends.
func goroutines(packages []string) string {
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
