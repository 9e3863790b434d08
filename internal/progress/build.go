package progress

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"
)

// A Build is a call of go build.
type Build struct {
	What     string   // what the lines call it: "building the plugins"
	Note     string   // appended to the first line if many packages must be compiled; empty for none
	Output   string   // a file, or a directory with a slash at the end; see go help build
	Flags    []string // build flags, such as -ldflags
	Packages []string
}

// From some stale packages on, the first line has their number, and from many on it has the
// Note of the build.
const (
	some = 10
	many = 100
)

// Run builds. It writes what it does to log: how many packages must be compiled, how far
// the compiler is, and each module that is downloaded. The error has the output of the
// compiler.
func (b Build) Run(ctx context.Context, log *Log) error {
	begin := time.Now()
	status := &atomic.Value{}
	status.Store(b.What + ": loading packages")
	err := log.While(func() string { return status.Load().(string) }, func() error {
		stale, err := b.stale(ctx, log)
		if err != nil {
			return err
		}
		switch {
		case len(stale) >= many && b.Note != "":
			log.Printf("%s: %d packages to compile; %s", b.What, len(stale), b.Note)
		case len(stale) >= some:
			log.Printf("%s: %d packages to compile", b.What, len(stale))
		default:
			log.Print(b.What)
		}
		return b.compile(ctx, log, stale, status)
	})
	if err == nil && time.Since(begin) > Quiet {
		log.Printf("%s: done in %s", b.What, Elapsed(time.Since(begin)))
	}
	return err
}

// stale returns the import paths of the packages that must be compiled.
func (b Build) stale(ctx context.Context, log *Log) (map[string]bool, error) {
	args := append([]string{"list", "-deps", "-f", "{{if .Stale}}{{.ImportPath}}{{end}}"}, b.Flags...)
	var paths bytes.Buffer
	err := run(ctx, append(args, b.Packages...), &paths, func(line string) bool {
		if strings.HasPrefix(line, "go: downloading ") {
			log.Print(line)
			return true
		}
		return false
	})
	stale := make(map[string]bool)
	for _, path := range strings.Fields(paths.String()) {
		stale[path] = true
	}
	return stale, err
}

// compile builds, and counts the packages that the compiler begins with.
func (b Build) compile(ctx context.Context, log *Log, stale map[string]bool, status *atomic.Value) error {
	args := append([]string{"build", "-v", "-o", b.Output}, b.Flags...)
	begun := make(map[string]bool)
	count := func() { status.Store(fmt.Sprintf("%s: %d of %d packages", b.What, len(begun), len(stale))) }
	count()
	return run(ctx, append(args, b.Packages...), io.Discard, func(line string) bool {
		switch {
		case stale[line]:
			begun[line] = true
			count()
		case strings.HasPrefix(line, "go: downloading "):
			log.Print(line)
		default:
			return false
		}
		return true
	})
}

// run runs the go command. used reports whether a line of its standard error was
// understood; the error of run has the other lines.
func run(ctx context.Context, args []string, out io.Writer, used func(line string) bool) error {
	cmd := Command(ctx, Go(), args...)
	cmd.Stdout = out
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var rest []string
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if !used(lines.Text()) {
			rest = append(rest, lines.Text())
		}
	}
	io.Copy(io.Discard, stderr) // of a line that is too long for the scanner
	if err := cmd.Wait(); err != nil {
		err = cmp.Or(context.Cause(ctx), err)
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, strings.Join(rest, "\n"))
	}
	return nil
}
