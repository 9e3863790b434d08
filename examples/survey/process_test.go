package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/espalier-go/espalier/internal/patience"
)

// TestMain runs main if the test binary is started as the program.
func TestMain(m *testing.M) {
	if os.Getenv("SURVEY_IS_THE_PROGRAM") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), "SURVEY_IS_THE_PROGRAM=1")
	return cmd
}

// onDisk returns a directory with n small files.
func onDisk(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, manyFiles(n)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestTheProgramVerifiesItself(t *testing.T) {
	out, err := program(t, "-chaos", "-seed", "1", "-patience", "100ms", "-verify", onDisk(t, 100)).CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, want := range []string{"100 files, ", "verified: a plain loop finds the same\n"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in the output:\n%s", want, out)
		}
	}
}

func TestTheProgramFailsWithoutADirectory(t *testing.T) {
	out, err := program(t, filepath.Join(t.TempDir(), "gone")).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Errorf("error %v, want exit status 1", err)
	}
	if want := "no such file or directory"; !strings.Contains(string(out), want) || strings.Contains(string(out), "longest") {
		t.Errorf("no %q in the output, or a result:\n%s", want, out)
	}
}

func TestAnInterruptEndsTheProgramWithThePartialResult(t *testing.T) {
	// With so much patience, workers that hang hold up the survey until the interrupt.
	cmd := program(t, "-chaos", "-seed", "1", "-patience", "1h", "-verify", onDisk(t, 300))
	var out strings.Builder
	cmd.Stdout = &out
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	for lines.Text() != "300 files to read" {
		if !lines.Scan() {
			t.Fatalf("the survey did not begin; last line %q", lines.Text())
		}
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	interrupted := time.Now()
	var last string
	for lines.Scan() {
		last = lines.Text()
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Errorf("error %v, want exit status 1", err)
	}
	if took := time.Since(interrupted); took > patience.Bound {
		t.Errorf("the stop took %v", took)
	}
	if want := "survey: interrupt signal received"; last != want {
		t.Errorf("last line %q, want %q", last, want)
	}
	if !regexp.MustCompile(`(?m)^\d+ files, \d+ lines`).MatchString(out.String()) || strings.Contains(out.String(), "verified") {
		t.Errorf("no partial result, or a verified one:\n%s", &out)
	}
}
