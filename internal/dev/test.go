package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/espalier-go/espalier/internal/progress"
)

// runTests runs go test. It prints the result of each package as soon as there is one,
// the output of the tests that fail, and, while nothing ends, what is running.
func runTests(ctx context.Context, log *progress.Log, args []string) error {
	i := slices.Index(args, "--")
	if i < 0 || i == len(args)-1 {
		return errors.New("dev test: no packages: put them after --\n" + usage)
	}
	flags, patterns := args[:i], args[i+1:]
	if slices.Contains(flags, "-race") {
		if err := checkRace(ctx); err != nil {
			return err
		}
	}
	begin := time.Now()
	results := newResults(0)
	err := log.While(results.status, func() error {
		packages, err := output(ctx, append([]string{"list"}, patterns...)...)
		if err != nil {
			return err
		}
		results.total(len(strings.Fields(packages)))
		cmd := progress.Command(ctx, progress.Go(), append(append([]string{"test", "-json"}, flags...), patterns...)...)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		cmd.Stderr = cmd.Stdout // what is no event
		if err := cmd.Start(); err != nil {
			return err
		}
		lines := bufio.NewReader(stdout)
		for {
			line, err := lines.ReadBytes('\n')
			if text := results.add(line); text != "" {
				log.Print(text)
			}
			if err != nil {
				break // the command has ended, and Wait says how
			}
		}
		return cmp.Or(context.Cause(ctx), cmd.Wait())
	})
	log.Printf("%s, in %s", results.summary(), progress.Elapsed(time.Since(begin)))
	return err
}

// checkRace returns an error if the race detector cannot be used. It needs a C compiler
// on all systems but macOS.
func checkRace(ctx context.Context) error {
	if runtime.GOOS == "darwin" {
		return nil
	}
	env, err := output(ctx, "env", "CGO_ENABLED", "CC")
	if err != nil {
		return err
	}
	enabled, compiler, _ := strings.Cut(strings.TrimSpace(env), "\n")
	if fields := strings.Fields(compiler); len(fields) > 0 && enabled == "1" {
		if _, err := exec.LookPath(fields[0]); err == nil {
			return nil
		}
	}
	return fmt.Errorf(`the race detector needs a C compiler (CGO_ENABLED=%s, CC=%s): install one, or run "make quick", which needs none
	Debian, Ubuntu:  apt-get install gcc libc6-dev
	Fedora:          dnf install gcc
	Alpine:          apk add gcc musl-dev`, enabled, compiler)
}

// output returns what the go command prints.
func output(ctx context.Context, args ...string) (string, error) {
	cmd := progress.Command(ctx, progress.Go(), args...)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, exit.Stderr)
	}
	return string(out), err
}

// A testEvent is a line of go test -json; see go doc test2json.
type testEvent struct {
	Action, Package, Test, Output string
	ImportPath                    string // of a build
}

func parseEvent(line []byte) (e testEvent, ok bool) {
	if len(line) == 0 || line[0] != '{' {
		return e, false
	}
	return e, json.Unmarshal(line, &e) == nil
}
