package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/internal/progress"
)

// binaries are the plugins on disk. The installed copies run, and may be corrupt.
type binaries struct {
	originals, installed string // directories
}

// upgraded is the kind that has a new version.
const upgraded = content.OutlineKind

// newVersion is the name of the binary of the new version.
const newVersion = string(upgraded) + "-2"

// binaryNames returns the names of all binaries.
func binaryNames() []string {
	names := []string{newVersion}
	for _, kind := range content.Kinds {
		names = append(names, string(kind))
	}
	return names
}

// prepare installs all plugins in a directory. If originals is empty, it builds them
// there first, and writes to log how far it is.
func prepare(ctx context.Context, originals, dir string, log *progress.Log) (*binaries, error) {
	b := &binaries{originals, filepath.Join(dir, "installed")}
	if err := os.Mkdir(b.installed, 0o700); err != nil {
		return nil, err
	}
	if originals == "" {
		b.originals = filepath.Join(dir, "built")
		if err := build(ctx, b.originals, log); err != nil {
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

// build builds all plugins and the new version of one of them.
func build(ctx context.Context, dir string, log *progress.Log) error {
	for _, b := range []progress.Build{
		{What: "building the plugins", Output: dir + "/", Flags: []string{"-ldflags", "-s -w"}, Packages: []string{module + "/plugins/..."}},
		{What: "building a new version of " + string(upgraded), Output: filepath.Join(dir, file(newVersion)),
			Flags: []string{"-ldflags", "-s -w -X " + module + "/content.version=2"}, Packages: []string{module + "/plugins/" + string(upgraded)}},
	} {
		if err := b.Run(ctx, log); err != nil {
			return fmt.Errorf("run pluginhost in the repository, or use -plugins: %w", err)
		}
	}
	return nil
}

// path returns the path of an installed binary.
func (b *binaries) path(name string) string { return filepath.Join(b.installed, file(name)) }

func (b *binaries) original(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(b.originals, file(name)))
}

// file returns the file name of a binary.
func file(name string) string {
	if runtime.GOOS == "windows" {
		return name + ".exe"
	}
	return name
}

// install installs the original, even while the installed copy runs.
func (b *binaries) install(name string) error {
	original, err := b.original(name)
	if err != nil {
		return err
	}
	return b.put(name, original)
}

// corrupt installs the first half of the original.
func (b *binaries) corrupt(name string) error { return b.corruptAs(name, name) }

// corruptAs installs the first half of the original under another name.
func (b *binaries) corruptAs(name, other string) error {
	original, err := b.original(name)
	if err != nil {
		return err
	}
	return b.put(other, original[:len(original)/2])
}

// put replaces an installed binary atomically.
func (b *binaries) put(name string, content []byte) error {
	next := b.path(name) + ".new"
	if err := os.WriteFile(next, content, 0o700); err != nil {
		return err
	}
	return os.Rename(next, b.path(name))
}

// intact reports whether the installed binary equals the original.
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
