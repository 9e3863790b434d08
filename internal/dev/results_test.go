package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/internal/progress"
)

func TestTheResultOfEachPackageIsPrinted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newResults(0)
		if got, want := r.status(), "0 of 0 packages done; compiling"; got != want {
			t.Errorf("status %q, want %q", got, want)
		}
		r.total(4)
		var printed []string
		for _, line := range []string{
			`go: downloading example.com/x v1.0.0`,
			`{"Action":"start","Package":"github.com/espalier-go/espalier/sup"}`,
			`{"Action":"run","Package":"github.com/espalier-go/espalier/sup","Test":"TestA"}`,
			`{"Action":"output","Package":"github.com/espalier-go/espalier/sup","Test":"TestA","Output":"=== RUN   TestA\n"}`,
			`{"Action":"output","Package":"github.com/espalier-go/espalier/sup","Test":"TestA","Output":"noise\n"}`,
		} {
			if text := r.add([]byte(line + "\n")); text != "" {
				printed = append(printed, text)
			}
		}
		time.Sleep(12 * time.Second)
		r.add([]byte(`{"Action":"start","Package":"p"}`))
		if got, want := r.status(), "0 of 4 packages done; running: sup 12s (TestA), p 0.0s"; got != want {
			t.Errorf("status %q, want %q", got, want)
		}
		for _, line := range []string{
			`{"Action":"pass","Package":"github.com/espalier-go/espalier/sup","Test":"TestA"}`,
			`{"Action":"output","Package":"github.com/espalier-go/espalier/sup","Output":"ok  \tgithub.com/espalier-go/espalier/sup\t12.0s\n"}`,
			`{"Action":"pass","Package":"github.com/espalier-go/espalier/sup"}`,
			`{"Action":"output","Package":"p","Output":"ok  \tp\t(cached)\n"}`,
			`{"Action":"pass","Package":"p"}`,
			`{"Action":"output","Package":"q","Output":"?   \tq\t[no test files]\n"}`,
			`{"Action":"skip","Package":"q"}`,
		} {
			if text := r.add([]byte(line + "\n")); text != "" {
				printed = append(printed, text)
			}
		}
		want := "go: downloading example.com/x v1.0.0\nok  \tgithub.com/espalier-go/espalier/sup\t12.0s\nok  \tp\t(cached)"
		if got := strings.Join(printed, "\n"); got != want {
			t.Errorf("printed:\n%s\nwant:\n%s", got, want)
		}
		if got, want := r.summary(), "3 of 4 packages done, 1 of them cached"; got != want {
			t.Errorf("summary %q, want %q", got, want)
		}
	})
}

func TestTheOutputOfFailedTestsOnlyIsPrinted(t *testing.T) {
	inEmptyDir(t)
	write(t, "go.mod", "module example.com/m\n\ngo 1.26\n")
	write(t, "m_test.go", `package m

import "testing"

func TestGood(t *testing.T) { t.Log("noise") }

func TestBad(t *testing.T) {
	t.Run("good", func(t *testing.T) { t.Log("noise") })
	t.Run("bad", func(t *testing.T) { t.Error("the fault") })
}

func TestWorse(t *testing.T) { panic("the end") }
`)
	write(t, "b/b_test.go", "package b\n\nfunc init() { undefined() }\n")
	write(t, "c/c_test.go", "package c\n")
	write(t, "d/d.go", "package d\n")
	var out strings.Builder
	err := runTests(t.Context(), progress.New(&out), []string{"-short", "--", "./..."})
	if _, ok := errors.AsType[*exec.ExitError](err); !ok {
		t.Errorf("error %v, want that of go test", err)
	}
	for _, want := range []string{
		`the fault`, `--- FAIL: TestBad/bad`, `panic: the end`, `b_test.go:3:15: undefined: undefined`,
		`(?s)\nFAILED:\n.*\texample.com/m: TestBad\n.*4 of 4 packages done, \d of them cached, in \d`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("no %s in the output", want)
		}
	}
	for _, not := range []string{"noise", "=== "} {
		if strings.Contains(out.String(), not) {
			t.Errorf("%q in the output", not)
		}
	}
	if t.Failed() {
		t.Logf("output:\n%s", &out)
	}
}

func TestTheRaceDetectorNamesTheCompilerThatItNeeds(t *testing.T) {
	if runtime.GOOS == "darwin" {
		return // it needs none
	}
	compiler, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CGO_ENABLED", "1")
	t.Setenv("CC", compiler+" -flag")
	if err := checkRace(t.Context()); err != nil {
		t.Error(err)
	}
	t.Setenv("CC", "no-such-compiler")
	for _, want := range []string{"CGO_ENABLED=1, CC=no-such-compiler", "apt-get install gcc", `"make quick"`} {
		err := runTests(t.Context(), progress.New(&strings.Builder{}), []string{"-race", "--", "./..."})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	t.Setenv("CC", "")
	t.Setenv("CGO_ENABLED", "0")
	if err := checkRace(t.Context()); err == nil {
		t.Error("no error without cgo")
	}
}

func TestTestsWithoutPackagesAreAnError(t *testing.T) {
	for _, args := range [][]string{nil, {"-short"}, {"--"}} {
		if err := run(context.Background(), append([]string{"test"}, args...), &strings.Builder{}); err == nil || !strings.Contains(err.Error(), "after --") {
			t.Errorf("%q: error %v", args, err)
		}
	}
}
