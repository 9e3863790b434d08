// Survey reads all Go files below a directory and prints statistics about them. The
// default is the standard library. Supervised workers read the files. With -chaos, a tenth
// of the files make their worker panic, fail, exit or hang. With -verify, the program
// compares the result with that of a plain loop.
//
//	go run ./examples/survey -chaos -verify
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

func main() {
	var c config
	flag.IntVar(&c.readers, "readers", 8*runtime.GOMAXPROCS(0), "workers in the pool")
	flag.DurationVar(&c.patience, "patience", time.Second, "time without progress after which a worker counts as hung")
	withChaos := flag.Bool("chaos", false, "make a tenth of the files break their worker")
	seed := flag.Uint64("seed", 1, "seed of -chaos")
	flag.BoolVar(&c.verify, "verify", false, "compare the result with that of a plain loop")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: survey [flags] [directory]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if *withChaos {
		c.chaos = newChaos(*seed)
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	context.AfterFunc(ctx, stop) // a second interrupt kills the program
	if err := surveyDir(ctx, flag.Arg(0), c); err != nil {
		fmt.Fprintln(os.Stderr, "survey:", err)
		os.Exit(1)
	}
}

func surveyDir(ctx context.Context, dir string, c config) error {
	if dir == "" {
		var err error
		if dir, err = standardLibrary(ctx); err != nil {
			return err
		}
	}
	fmt.Fprintln(os.Stderr, "reading", dir)
	return run(ctx, os.DirFS(dir), c, newBar(os.Stderr), os.Stdout)
}

// standardLibrary returns the source directory of the standard library.
func standardLibrary(ctx context.Context) (string, error) {
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(goroot)), "src"), nil
}

// leastPatience is far more than an idle worker needs.
const leastPatience = 10 * time.Millisecond

var errDiffers = errors.New("result differs from that of a plain loop")

// run surveys a source and prints the result, or a partial result if ctx ends.
func run(ctx context.Context, source fs.FS, c config, bar *bar, out io.Writer) error {
	if c.patience < leastPatience {
		return fmt.Errorf("patience of %v: use %v or more", c.patience, leastPatience)
	}
	var t tally
	c.observers = append(c.observers, &t)
	s := newSurvey(source, c)
	quarantined, err := s.carryOut(ctx, func() { bar.draw(s.progress()) })
	bar.clear()

	reports := s.files.Snapshot()
	if len(reports) == 0 && err != nil {
		return err
	}
	summarize(reports).print(out)
	fmt.Fprintf(out, "\n%d restarts, after %v\n", s.restarts(), t)
	printQuarantined(out, quarantined, reports)
	if err != nil || !c.verify {
		return err
	}
	plain, err := readInLoop(ctx, source)
	if err != nil {
		return err
	}
	if differing := compare(reports, plain); len(differing) > 0 {
		return fmt.Errorf("%w: %s and %d more", errDiffers, differing[0], len(differing)-1)
	}
	fmt.Fprintln(out, "\nverified: a plain loop finds the same")
	return nil
}
