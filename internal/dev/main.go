// Dev runs the commands of the Makefile that take long, and says meanwhile what it is
// doing.
//
//	go run ./internal/dev build PACKAGE...              build programs into bin
//	go run ./internal/dev test [FLAG...] -- PACKAGE...  run tests
//	go run ./internal/dev steps TARGET...               run targets of the Makefile, several at once
//	go run ./internal/dev release [-tag]                say what a release would tag, or tag it
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/espalier-go/espalier/internal/progress"
)

const usage = "usage: dev build PACKAGE... | test [FLAG...] -- PACKAGE... | steps TARGET... | release [-tag]"

// errReported is returned when the output has said already what is wrong.
var errReported = errors.New("failed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	err := run(ctx, os.Args[1:], os.Stdout)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() > 0 {
		os.Exit(exit.ExitCode())
	}
	if err != nil {
		if !errors.Is(err, errReported) {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New(usage)
	}
	log := progress.New(out)
	switch command, rest := args[0], args[1:]; command {
	case "build":
		return buildPrograms(ctx, log, rest)
	case "test":
		return runTests(ctx, log, rest)
	case "steps":
		return runSteps(ctx, log, rest)
	case "release":
		return release(ctx, log, rest)
	}
	return fmt.Errorf("dev: unknown command %q\n%s", args[0], usage)
}
