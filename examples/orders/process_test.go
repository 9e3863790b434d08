package main

import (
	"bufio"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestMain runs main if the test binary is started as the program.
func TestMain(m *testing.M) {
	if os.Getenv("ORDERS_IS_THE_PROGRAM") != "" {
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
	cmd.Env = append(os.Environ(), "ORDERS_IS_THE_PROGRAM=1")
	return cmd
}

func TestTheProgramEndsAndVerifies(t *testing.T) {
	out, err := program(t, "-orders", "50", "-pace", "0").CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	for _, want := range []string{"orders rest_for_one 5/5s\n", "verified: 400 orders, each matched once; "} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in the output:\n%s", want, out)
		}
	}
}

func TestAnInterruptStopsTheTree(t *testing.T) {
	cmd := program(t, "-v", "-pace", "1h") // a run that does not end by itself
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var stopped bool
	var last string
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		last = lines.Text()
		switch {
		case strings.HasSuffix(last, "supervisor started path=orders"):
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Fatal(err)
			}
		case strings.Contains(last, "supervisor stopped path=orders "):
			stopped = true
		}
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 1 {
		t.Errorf("error %v, want exit status 1", err)
	}
	if want := "orders: interrupt signal received"; last != want || !stopped {
		t.Errorf("stopped: %v; last line %q, want %q", stopped, last, want)
	}
}
