package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
)

// Binaries are the plugins on disk: the originals, and what is installed of
// them, which is what runs, and may be corrupt.
type binaries struct {
	originals, installed string // directories
}

// upgraded is the kind of which there is a new version.
const upgraded = content.OutlineKind

// newVersion is the name of its binary.
const newVersion = string(upgraded) + "-2"

// binaryNames are those of all binaries.
func binaryNames() []string {
	names := []string{newVersion}
	for _, kind := range content.Kinds {
		names = append(names, string(kind))
	}
	return names
}

// prepare installs all plugins in a directory. If none are given it builds them
// there first.
func prepare(ctx context.Context, originals, dir string) (*binaries, error) {
	b := &binaries{originals, filepath.Join(dir, "installed")}
	if err := os.Mkdir(b.installed, 0o700); err != nil {
		return nil, err
	}
	if originals == "" {
		b.originals = filepath.Join(dir, "built")
		if err := build(ctx, b.originals); err != nil {
			return nil, err
		}
	}
	var failures []error
	for _, name := range binaryNames() {
		failures = append(failures, b.install(name))
	}
	return b, errors.Join(failures...)
}

const module = "github.com/espalier-go/espalier/examples/pluginhost"

// build builds all plugins, and the new version of one.
func build(ctx context.Context, dir string) error {
	err := goBuild(ctx, dir+"/", "-s -w", module+"/plugins/...")
	if err != nil {
		return err
	}
	flags := "-s -w -X " + module + "/content.version=2"
	return goBuild(ctx, filepath.Join(dir, file(newVersion)), flags, module+"/plugins/"+string(upgraded))
}

func goBuild(ctx context.Context, out, ldflags, what string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, "-ldflags", ldflags, what)
	if said, err := cmd.CombinedOutput(); err != nil {
		err = cmp.Or(context.Cause(ctx), err)
		return fmt.Errorf("the plugins cannot be built; run it in the repository, or give them with -plugins: %s: %w\n%s",
			strings.Join(cmd.Args, " "), err, bytes.TrimSpace(said))
	}
	return nil
}

// path is where a binary is installed.
func (b *binaries) path(name string) string { return filepath.Join(b.installed, file(name)) }

func (b *binaries) original(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(b.originals, file(name)))
}

// file is the name of the file of a binary.
func file(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}

// install puts the original in place, also where one is that runs.
func (b *binaries) install(name string) error {
	original, err := b.original(name)
	if err != nil {
		return err
	}
	return b.put(name, original)
}

// corrupt puts half of the original in place: what its header promises is not
// there.
func (b *binaries) corrupt(name string) error { return b.corruptAs(name, name) }

// corruptAs puts half of the original in place, under another name.
func (b *binaries) corruptAs(name, other string) error {
	original, err := b.original(name)
	if err != nil {
		return err
	}
	return b.put(other, original[:len(original)/2])
}

func (b *binaries) put(name string, content []byte) error {
	next := b.path(name) + ".new"
	if err := os.WriteFile(next, content, 0o700); err != nil {
		return err
	}
	return os.Rename(next, b.path(name))
}

// intact reports whether what is installed is the original.
func (b *binaries) intact(name string) (bool, error) {
	original, err := b.original(name)
	if err != nil {
		return false, err
	}
	installed, err := os.ReadFile(b.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return bytes.Equal(original, installed), err
}
