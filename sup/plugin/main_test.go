//go:build unix

package plugin_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/leaks"
)

// role is the environment variable by which the test binary knows that it is to
// be a plugin, and of what kind.
const role = "ESPALIER_TEST_PLUGIN"

// TestMain is a plugin, where it is one. Else it runs the tests, and then finds
// nothing left of them: no process, no goroutine, no socket.
func TestMain(m *testing.M) {
	if kind := os.Getenv(role); kind != "" {
		serve(kind)
		return
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	temp, err := os.MkdirTemp("", "espalier-plugin")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(temp)
	os.Setenv("TMPDIR", temp)
	code := leaks.Run(m)
	if code != 0 {
		return code
	}
	for _, left := range []func() string{childrenLeft, goroutinesLeft, func() string { return filesLeft(temp) }} {
		if what := gone(left); what != "" {
			fmt.Fprintln(os.Stderr, "FAIL: left after the tests:", what)
			return 1
		}
	}
	return 0
}

// gone waits until nothing is left, and returns what is after ten seconds.
func gone(left func() string) string {
	deadline := time.Now().Add(10 * time.Second)
	for {
		what := left()
		if what == "" || time.Now().After(deadline) {
			return what
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// childrenLeft returns the processes whose parent is this one, where the system
// has a way to say so.
func countChildren() int { return len(strings.Fields(childrenLeft())) }

func childrenLeft() string {
	lists, _ := filepath.Glob("/proc/self/task/*/children")
	var all []string
	for _, list := range lists {
		pids, _ := os.ReadFile(list)
		all = append(all, strings.Fields(string(pids))...)
	}
	return strings.Join(all, " ")
}

// goroutinesLeft returns the stacks of what works for a plugin or a supervisor.
// The one goroutine of proc that starts all processes never ends.
func goroutinesLeft() string {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	var left []string
	for _, g := range strings.Split(string(stacks), "\n\n")[1:] {
		foreign := !strings.Contains(g, "espalier/sup") && !strings.Contains(g, "go-plugin") &&
			!strings.Contains(g, "yamux") && !strings.Contains(g, "google.golang.org/grpc")
		if foreign || strings.Contains(g, "sup/proc.startOnThread") {
			continue
		}
		left = append(left, g)
	}
	return strings.Join(left, "\n\n")
}

// removeSockets removes the directories that go-plugin makes for its sockets.
func removeSockets() error {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), "plugin-dir*"))
	for _, dir := range dirs {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}

func filesLeft(dir string) string {
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	return strings.Join(names, " ")
}
