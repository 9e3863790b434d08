//go:build linux

package proc_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// roleVariable is the role of a test binary that is a fake process. runVariable marks
// all processes of one run of the tests, including those that fake processes start.
const (
	roleVariable = "PROC_TEST_ROLE"
	runVariable  = "PROC_TEST_RUN"
)

// TestMain runs the tests, and fails if they leave processes or goroutines.
func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv(roleVariable)]; ok {
		os.Exit(role(os.Args[1:]))
	}
	mark := fmt.Sprintf("%s=%d", runVariable, os.Getpid())
	os.Setenv(runVariable, fmt.Sprint(os.Getpid()))
	code := m.Run()
	if left := settled(func() string { return leftProcesses(mark) }); left != "" {
		fmt.Fprintf(os.Stderr, "FAIL: processes left running:\n%s", left)
		code = 1
	}
	if left := settled(leftGoroutines); left != "" {
		fmt.Fprintf(os.Stderr, "FAIL: leaked goroutines:\n%s", left)
		code = 1
	}
	os.Exit(code)
}

// settled waits for processes or goroutines that are about to end.
func settled(left func() string) string {
	deadline := time.Now().Add(5 * time.Second)
	for {
		what := left()
		if what == "" || time.Now().After(deadline) {
			return what
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// leftProcesses returns the other processes of this run.
func leftProcesses(mark string) string {
	var left strings.Builder
	names, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, name := range names {
		environ, err := os.ReadFile(name) // empty for a zombie
		pid := filepath.Base(filepath.Dir(name))
		if err != nil || pid == fmt.Sprint(os.Getpid()) || !bytes.Contains(append([]byte{0}, environ...), []byte("\x00"+mark+"\x00")) {
			continue
		}
		command, _ := os.ReadFile("/proc/" + pid + "/cmdline")
		fmt.Fprintf(&left, "%s: %s\n", pid, bytes.ReplaceAll(command, []byte{0}, []byte{' '}))
	}
	return left.String()
}

// leftGoroutines returns the goroutines of package sup and those below it, except for
// the starters, which never end.
func leftGoroutines() string {
	buf := make([]byte, 1<<20)
	var left strings.Builder
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, "espalier/sup") && !strings.Contains(stack, "proc.(*starter).") && !strings.Contains(stack, "leftGoroutines") {
			left.WriteString(stack + "\n\n")
		}
	}
	return left.String()
}
