// Pluginhost converts files with plugins: Markdown and HTML to text, Go source to
// outlines, pictures to thumbnails, and archives to listings. By default it converts the
// documentation and the sources of the Go installation.
//
// Each plugin is a process, and there are several of each kind. One kind crashes on some
// files. With -chaos, plugins are killed, stopped, corrupted on disk and upgraded while
// they work. Each file still has exactly one result, and -verify compares the results with
// those of a loop without plugins.
//
// The plugins end with the host, however the host ends. A host that is killed leaves its
// temporary directory, which the next one removes.
//
// On a terminal, a host with a debug page or a control server stays up when all files are
// converted, until it is interrupted. With -plain it does not.
//
//	go run ./examples/pluginhost -chaos -verify -debug localhost:0 -control auto
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/espalier-go/espalier/internal/leftover"
	"github.com/espalier-go/espalier/internal/progress"
)

// config is the configuration of a run.
type config struct {
	dir      string
	plugins  string // the directory of the binaries; empty means that they are built
	replicas int
	timeout  time.Duration
	chaos    bool
	seed     uint64
	verify   bool
	plain    bool
	log      string // the path of the log file; empty for none
	debug    string // the address of the debug page; empty for none
	control  string // the address of the control server, or auto; empty for none
}

func main() {
	var c config
	flag.StringVar(&c.dir, "dir", "", "convert the files of a `directory` (default: the Go installation)")
	flag.StringVar(&c.plugins, "plugins", "", "use the plugins in a `directory` (default: build them)")
	flag.IntVar(&c.replicas, "replicas", 2, "run a `number` of plugins of each kind, 1 to 100")
	flag.DurationVar(&c.timeout, "timeout", 10*time.Second, "limit the `time` of a call, 1s or more")
	flag.BoolVar(&c.chaos, "chaos", false, "kill, stop, corrupt and upgrade plugins while they work")
	flag.Uint64Var(&c.seed, "seed", 1, "select the faults of -chaos by a `number`")
	flag.BoolVar(&c.verify, "verify", false, "compare the results with those of a loop without plugins")
	flag.BoolVar(&c.plain, "plain", false, "write lines and end when all files are converted, even on a terminal")
	flag.StringVar(&c.log, "log", "", "write the log of supervisors and plugins to a `file`")
	flag.StringVar(&c.debug, "debug", "", "serve the debug page at an `address` such as localhost:6060, or localhost:0 for a free port")
	flag.StringVar(&c.control, "control", "", "serve supctl at an `address` such as unix:/tmp/pluginhost/control, or auto for a socket in a temporary directory")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	if err := run(ctx, c, flag.Args(), os.Stdout, newScreen(os.Stderr, c.plain)); err != nil {
		fmt.Fprintln(os.Stderr, "pluginhost:", err)
		os.Exit(1)
	}
}

// check returns all faults of a config.
func (c config) check(rest []string) error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if len(rest) > 0 {
		fault("arguments %q: only flags are accepted: use -dir for the directory", rest)
	}
	if c.replicas < 1 || c.replicas > 100 {
		fault("-replicas %d: use 1 to 100", c.replicas)
	}
	if c.timeout < time.Second {
		fault("-timeout %v: use 1s or more", c.timeout)
	}
	if c.chaos && !hasChaos {
		fault("-chaos: available on Unix only: leave it out")
	}
	for _, flag := range []struct{ name, dir string }{{"dir", c.dir}, {"plugins", c.plugins}} {
		if flag.dir == "" {
			continue
		}
		if info, err := os.Stat(flag.dir); err != nil {
			fault("-%s: %w", flag.name, err)
		} else if !info.IsDir() {
			fault("-%s %s: not a directory", flag.name, flag.dir)
		}
	}
	return errors.Join(faults...)
}

// run converts the files and prints a summary. If ctx ends first, it prints a summary of
// the results so far.
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
	_, _ = leftover.Sweep(os.TempDir(), temporary) // of hosts that were killed; a directory that cannot be removed is harmless
	dir, err := leftover.MkdirTemp("", temporary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dir.Remove()) }()
	installed, err := prepare(ctx, c.plugins, dir.Path(), progress.New(to.out))
	if err != nil {
		return err
	}
	if c.control == "auto" {
		c.control = "unix:" + filepath.Join(dir.Path(), "control") // no other user may enter the directory
	}
	s := newService(c, os.DirFS(c.dir), installed, logger, to)
	fmt.Fprintln(to.out, "converting the files of", c.dir)
	if !to.terminal {
		fmt.Fprintln(to.out, strings.Join(append(s.ways(), s.legend()...), "\n"))
	}
	return s.runHost(ctx, c.verify, out)
}

// temporary is the pattern of the names of temporary directories.
const temporary = "pluginhost*"

// goInstallation returns the directory of the Go installation.
func goInstallation(ctx context.Context) (string, error) {
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w; use -dir for another directory", err)
	}
	return strings.TrimSpace(string(goroot)), nil
}
