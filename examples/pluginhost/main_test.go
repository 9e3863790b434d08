package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// originals is the directory of the plugins, built once for all tests.
var originals string

// TestMain lets the test binary be the program itself. Else it builds the
// plugins, runs the tests, and then finds nothing left of them: no process, no
// goroutine, no file.
func TestMain(m *testing.M) {
	if os.Getenv("PLUGINHOST_IS_THE_PROGRAM") != "" {
		main()
		return
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pluginhost-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	originals = filepath.Join(dir, "originals")
	temp := filepath.Join(dir, "temp")
	if err := errors.Join(build(context.Background(), originals), os.Mkdir(temp, 0o700)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv("TMPDIR", temp)
	if code := m.Run(); code != 0 {
		return code
	}
	for _, left := range []func() string{childrenLeft, goroutinesLeft, func() string { return filesLeft(temp) }} {
		if what := awaitNone(left); what != "" {
			fmt.Fprintln(os.Stderr, "FAIL: left after the tests:", what)
			return 1
		}
	}
	return 0
}

// awaitNone waits until nothing is left, and returns what is after ten seconds.
func awaitNone(left func() string) string {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		what := left()
		if what == "" || time.Now().After(deadline) {
			return what
		}
	}
}

// childrenLeft returns the processes whose parent is this one, where the system
// has a way to say so.
func childrenLeft() string {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	var all []string
	for _, list := range lists {
		pids, _ := os.ReadFile(list)
		all = append(all, strings.Fields(string(pids))...)
	}
	return strings.Join(all, " ")
}

// goroutinesLeft returns the stacks of what works for a host. The one goroutine
// of sup/proc that starts all processes never ends.
func goroutinesLeft() string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var left []string
	for _, g := range strings.Split(string(stacks), "\n\n")[1:] {
		ours := strings.Contains(g, "espalier") || strings.Contains(g, "go-plugin") || strings.Contains(g, "google.golang.org/grpc")
		if ours && !strings.Contains(g, "sup/proc.startOnThread") {
			left = append(left, g)
		}
	}
	return strings.Join(left, "\n\n")
}

func filesLeft(dir string) string {
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	return strings.Join(names, " ")
}
