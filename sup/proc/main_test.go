//go:build linux

package proc_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/internal/leaks"
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
	code := leaks.Run(m)
	if left := leaks.AwaitNone(func() string { return leftProcesses(mark) }); left != "" {
		fmt.Fprintf(os.Stderr, "FAIL: processes left running:\n%s", left)
		code = 1
	}
	if left := leaks.AwaitNone(func() string { return leaks.Goroutines("espalier/sup") }); left != "" {
		fmt.Fprintf(os.Stderr, "FAIL: leaked goroutines:\n%s", left)
		code = 1
	}
	os.Exit(code)
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
