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

// roleVariable tells the test binary to be a fake process instead, and
// runVariable marks all processes of one run of the tests, also those that
// fake processes start.
const (
	roleVariable = "PROC_TEST_ROLE"
	runVariable  = "PROC_TEST_RUN"
)

// TestMain runs the tests, and then finds neither a process nor a goroutine
// that is left of them.
func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv(roleVariable)]; ok {
		os.Exit(role(os.Args[1:]))
	}
	mark := fmt.Sprintf("%s=%d", runVariable, os.Getpid())
	os.Setenv(runVariable, fmt.Sprint(os.Getpid()))
	code := m.Run()
	if left := settled(func() string { return leftProcesses(mark) }); left != "" {
		fmt.Fprintf(os.Stderr, "FAIL: processes are left running:\n%s", left)
		code = 1
	}
	if left := settled(leftGoroutines); left != "" {
		fmt.Fprintf(os.Stderr, "FAIL: goroutines have leaked:\n%s", left)
		code = 1
	}
	os.Exit(code)
}

// settled gives what is on its way out some time to be gone.
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

// leftProcesses lists the processes of this run other than this one.
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

// leftGoroutines lists the goroutines of the package under test but for the
// starters, which stay on purpose.
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
