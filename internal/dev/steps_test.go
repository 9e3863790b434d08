package main

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/internal/progress"
)

// inEmptyDir makes an empty directory the current one.
func inEmptyDir(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv("GOWORK", "off")
}

// write writes a file below the current directory.
func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestAllStepsRunAndTheFailedOnesAreReported(t *testing.T) {
	inEmptyDir(t)
	write(t, "Makefile", "good:\n\t@echo noise\nbad:\n\t@echo the fault; exit 3\nlast:\n\t@touch last-ran\n")
	var out strings.Builder
	err := runSteps(t.Context(), progress.New(&out), []string{"good", "bad", "last"})
	if !errors.Is(err, errReported) {
		t.Errorf("error %v, want %v", err, errReported)
	}
	for _, want := range []string{`good: ok, \d`, `the fault\n(.*\n)*bad: exit status 2, \d`, `last: ok, \d`, `\nFAILED: bad, in \d`} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("no %s in the output:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), "noise") {
		t.Errorf("the output of a step that succeeds:\n%s", &out)
	}
	if _, err := os.Stat("last-ran"); err != nil {
		t.Error(err)
	}
	out.Reset()
	if err := runSteps(t.Context(), progress.New(&out), []string{"good"}); err != nil || !strings.Contains(out.String(), "all done in ") {
		t.Errorf("%v:\n%s", err, &out)
	}
}

func TestTheStatusOfStepsNamesThoseThatRun(t *testing.T) {
	s := &steps{left: 3}
	s.start("lint")
	s.start("vet")
	s.end("lint")
	if got := s.status(); !strings.HasPrefix(got, "2 left; running: vet 0.") {
		t.Errorf("status %q", got)
	}
}

func TestAnUnknownCommandIsAnError(t *testing.T) {
	for _, args := range [][]string{nil, {"none"}, {"steps"}} {
		if err := run(t.Context(), args, &strings.Builder{}); err == nil || !strings.Contains(err.Error(), "usage: dev ") {
			t.Errorf("%q: error %v, want the usage", args, err)
		}
	}
}
