// Pluginhost converts the files below a directory, by default the documentation
// and the sources of the Go installation, by plugins: Markdown and HTML to text,
// Go source to outlines, pictures to thumbnails, archives to listings. Each
// plugin is a process of its own, called by type, and there are several of each
// kind. One kind is fragile, and with -chaos they are killed, stopped, corrupted
// on disk and replaced while they work. Each file has one result all the same,
// and with -verify that is compared to a plain loop's. However the host ends, no
// plugin outlives it; a host that is killed leaves its temporary directory, which the
// next one removes.
//
//	go run ./examples/pluginhost -chaos -verify
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/espalier-go/espalier/internal/leftover"
)

// config is what there is to choose about a run.
type config struct {
	dir      string
	plugins  string // a directory with the binaries; "" builds them
	replicas int
	timeout  time.Duration
	chaos    bool
	seed     uint64
	verify   bool
	plain    bool
	log      string // the name of a file
	debug    string // an address, or ""
	control  string // likewise
}

func main() {
	var c config
	flag.StringVar(&c.dir, "dir", "", "the `directory` whose files are converted (default: that of the Go installation)")
	flag.StringVar(&c.plugins, "plugins", "", "a `directory` with the plugins; by default they are built")
	flag.IntVar(&c.replicas, "replicas", 2, "`number` of plugins of each kind, 1 or more")
	flag.DurationVar(&c.timeout, "timeout", 10*time.Second, "how long a call may take, 1s or more")
	flag.BoolVar(&c.chaos, "chaos", false, "kill, stop, corrupt and replace plugins while they work")
	flag.Uint64Var(&c.seed, "seed", 1, "what -chaos does, and to whom")
	flag.BoolVar(&c.verify, "verify", false, "compare the result to that of a plain loop")
	flag.BoolVar(&c.plain, "plain", false, "write lines, on a terminal too")
	flag.StringVar(&c.log, "log", "", "a `file` for what supervisors and plugins say")
	flag.StringVar(&c.debug, "debug", "", "serve the debug page at an `address` such as localhost:6060, or localhost:0 for a free port")
	flag.StringVar(&c.control, "control", "", "let supctl in at an `address` such as unix:/tmp/pluginhost/control")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	if err := run(ctx, c, flag.Args(), os.Stdout, newScreen(os.Stderr, c.plain)); err != nil {
		fmt.Fprintln(os.Stderr, "pluginhost:", err)
		os.Exit(1)
	}
}

// check returns all that is wrong with a config.
func (c config) check(rest []string) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(rest) > 0 {
		fault("arguments %q: there are flags only; give the directory with -dir", rest)
	}
	if c.replicas < 1 || c.replicas > 100 {
		fault("-replicas %d: use 1 to 100", c.replicas)
	}
	if c.timeout < time.Second {
		fault("-timeout %v: use 1s or more", c.timeout)
	}
	if c.chaos && !hasChaos {
		fault("-chaos: processes can be stopped on Unix systems only; leave it out")
	}
	for _, flag := range []struct{ name, dir string }{{"dir", c.dir}, {"plugins", c.plugins}} {
		if flag.dir == "" {
			continue
		}
		if info, err := os.Stat(flag.dir); err != nil {
			fault("-%s: %w", flag.name, err)
		} else if !info.IsDir() {
			fault("-%s %s: it is no directory", flag.name, flag.dir)
		}
	}
	return errors.Join(faults...)
}

// run converts the files and prints what came of it, or as much of it as there
// is when ctx ends.
func run(ctx context.Context, c config, rest []string, out io.Writer, to screen) (err error) {
	if err := c.check(rest); err != nil {
		return err
	}
	if c.dir == "" {
		if c.dir, err = goInstallation(ctx); err != nil {
			return err
		}
	}
	logger := slog.New(slog.DiscardHandler)
	if c.log != "" {
		file, err := os.Create(c.log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		logger = slog.New(slog.NewTextHandler(file, nil))
	}
	_, _ = leftover.Sweep(os.TempDir(), temporary) // of hosts that were killed; what cannot be removed is in nobody's way
	dir, err := leftover.MkdirTemp("", temporary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Remove()) }()
	if c.plugins == "" {
		fmt.Fprintln(to.out, "building the plugins")
	}
	installed, err := prepare(ctx, c.plugins, dir.Path())
	if err != nil {
		return err
	}
	fmt.Fprintln(to.out, "converting the files of", c.dir)
	s := newService(c, os.DirFS(c.dir), installed, logger, to)
	return s.carryOut(ctx, c.verify, out)
}

// temporary is the pattern of the names of temporary directories.
const temporary = "pluginhost*"

var errIncomplete = errors.New("the host was shut down before all was converted")

// carryOut runs the host until all is converted, and says what came of it.
func (s *service) carryOut(ctx context.Context, compare bool, out io.Writer) error {
	err := s.host.Run(ctx)
	err = cmp.Or(err, context.Cause(ctx))
	if s.host.Results.Len() == 0 && err != nil {
		return err
	}
	s.summarize(out, s.status())
	if err == nil && s.host.Results.Len() < s.host.Found.Len() {
		err = errIncomplete
	}
	if err != nil || !compare {
		return err
	}
	n, err := verify(ctx, s.source, s.host.Results.Snapshot())
	if err != nil {
		return err
	}
	if n := s.again.Load(); n > 0 {
		return fmt.Errorf("%w: %d files were converted twice", errDiffers, n)
	}
	fmt.Fprintf(out, "verified: %d files, each with one result, equal to that of a plain loop\n", n)
	return nil
}

// goInstallation returns its directory.
func goInstallation(ctx context.Context) (string, error) {
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT, to know the directory; give another with -dir: %w", err)
	}
	return strings.TrimSpace(string(goroot)), nil
}
