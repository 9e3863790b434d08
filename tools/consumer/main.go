// Consumer builds the modules of this repository as those would get them who
// use them: from a module proxy, without go.work and without the work tree. The
// proxy is a directory that is made from the work tree; what else is needed
// comes from where it always does.
//
//	go run ./consumer            # build all, and compare what sup and kv bring
//	go run ./consumer -update    # and accept that as it is
//	go run ./consumer -tidy      # go mod tidy in each module
//
// It is run in the directory tools, with GOWORK=off.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/mod/module"
)

func main() {
	update := flag.Bool("update", false, "accept what sup and kv bring")
	tidy := flag.Bool("tidy", false, "run go mod tidy in each module, and build nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, "..", *update, *tidy); err != nil {
		fmt.Fprintln(os.Stderr, "consumer:", err)
		os.Exit(1)
	}
}

// importsFile says what is linked into a program that imports sup and kv, and
// nothing else of this repository.
const importsFile = "consumer/imports.txt"

func run(ctx context.Context, root string, update, tidy bool) (err error) {
	modules, err := find(root)
	if err != nil {
		return err
	}
	caches, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	own, err := module.EscapePath(modules[0].path())
	if err != nil {
		return err
	}
	c, err := newCache(ctx, caches, own)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.remove()) }()
	proxy := filepath.Join(c.dir, "proxy")
	for _, m := range modules {
		if err := m.publish(proxy); err != nil {
			return err
		}
	}
	b, err := newBuilder(ctx, c.modules(), proxy, modules[0].path())
	if err != nil {
		return err
	}
	if err := b.all(ctx, c.dir, modules, update, tidy); err != nil {
		return err
	}
	return c.keep()
}

// all does with each module what was asked for.
func (b *builder) all(ctx context.Context, dir string, modules []*published, update, tidy bool) error {
	if tidy {
		for _, m := range modules {
			if err := b.tidy(ctx, m); err != nil {
				return err
			}
		}
		return nil
	}
	var failures []error
	for i, m := range modules {
		fmt.Println("build", m.path())
		failures = append(failures, b.consume(ctx, filepath.Join(dir, fmt.Sprint("consumer", i)), m))
	}
	failures = append(failures, b.checkImports(ctx, filepath.Join(dir, "imports"), modules[0], update))
	return errors.Join(failures...)
}

// A builder runs the go command as on a machine that has none of this
// repository.
type builder struct{ env []string }

// newBuilder returns a builder with a module cache of its own that gets the
// modules of a prefix from a proxy, and everything else from the common module
// cache or where that gets it.
func newBuilder(ctx context.Context, cache, proxy, prefix string) (*builder, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMODCACHE", "GOPROXY").Output()
	if err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != 2 {
		return nil, fmt.Errorf("go env: %q", out)
	}
	return &builder{env: append(os.Environ(),
		"GOWORK=off",
		"GOFLAGS=-mod=mod -trimpath -modcacherw", // -trimpath: what was built before, elsewhere, need not be again
		"GODEBUG=goindex=0",                      // the index of a module in the build cache goes by its directory, and would be new each time
		"GOMODCACHE="+cache,
		"GOPROXY=file://"+proxy+",file://"+filepath.Join(lines[0], "cache", "download")+","+lines[1],
		"GONOSUMDB="+prefix+","+prefix+"/*",
	)}, nil
}

func (b *builder) command(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, b.env
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return string(out), nil
}

// consume makes a module that requires m, in dir, and builds all packages of m.
func (b *builder) consume(ctx context.Context, dir string, m *published) error {
	if err := b.require(ctx, dir, m); err != nil {
		return fmt.Errorf("%s: %w", m.path(), err)
	}
	if _, err := b.command(ctx, dir, "build", m.path()+"/..."); err != nil {
		return fmt.Errorf("%s: %w", m.path(), err)
	}
	return nil
}

func (b *builder) require(ctx context.Context, dir string, m *published) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if _, err := b.command(ctx, dir, "mod", "init", "example.com/consumer"); err != nil {
		return err
	}
	_, err := b.command(ctx, dir, "get", m.path()+"@"+m.version)
	return err
}

// checkImports compares what a program links that imports sup and kv with the
// committed list.
func (b *builder) checkImports(ctx context.Context, dir string, root *published, update bool) error {
	if err := b.require(ctx, dir, root); err != nil {
		return err
	}
	out, err := b.command(ctx, dir, "list", "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", root.path()+"/sup", root.path()+"/kv")
	if err != nil {
		return err
	}
	packages := strings.Fields(out)
	slices.Sort(packages)
	got := strings.Join(packages, "\n") + "\n"
	if update {
		return os.WriteFile(importsFile, []byte(got), 0o644)
	}
	want, err := os.ReadFile(importsFile)
	if err != nil {
		return err
	}
	if got != string(want) {
		return fmt.Errorf("sup and kv bring other packages than tools/%s says; if that is meant, run make imports:\n%s", importsFile, got)
	}
	return nil
}

// tidy runs go mod tidy in a module's own directory. The checksums of the
// modules of this repository are left out of its go.sum: they are of the work
// tree as it is now.
func (b *builder) tidy(ctx context.Context, m *published) error {
	if m.sub == "." { // it requires none of the others
		return nil
	}
	sums := filepath.Join(m.dir, "go.sum")
	if _, err := b.command(ctx, m.dir, "mod", "tidy"); err != nil {
		return fmt.Errorf("%s: %w", m.path(), err)
	}
	content, err := os.ReadFile(sums)
	if err != nil {
		return err
	}
	kept := slices.DeleteFunc(strings.SplitAfter(string(content), "\n"), func(line string) bool {
		return strings.HasPrefix(line, m.root+" ") || strings.HasPrefix(line, m.root+"/")
	})
	return os.WriteFile(sums, []byte(strings.Join(kept, "")), 0o644)
}
