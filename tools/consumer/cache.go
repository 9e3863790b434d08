package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A version of a module never changes in a module cache, and those of this
// repository do with every run. So each run has a module cache of its own, and
// what it needs of others comes from a store that the runs of all checkouts
// share: as links, since the go command does not write into a module that is
// complete.

// A cache is the module cache of one run.
type cache struct {
	dir   string // everything that is the run's own
	store string
	own   string // the path that those modules begin with which are never stored
}

// abandoned is the age at which the directory of a run is one of a run that was
// killed.
const abandoned = 24 * time.Hour

// newCache makes the directory of a run, in caches, and links into it what there
// is in store. What runs that were killed have left is removed.
func newCache(ctx context.Context, caches, own string) (c *cache, err error) {
	const name = "espalier-consumer"
	if err := os.MkdirAll(caches, 0o755); err != nil {
		return nil, err
	}
	left, err := filepath.Glob(filepath.Join(caches, name+".run*"))
	if err != nil {
		return nil, err
	}
	for _, dir := range left {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > abandoned {
			if err := os.RemoveAll(dir); err != nil {
				return nil, err
			}
		}
	}
	dir, err := os.MkdirTemp(caches, name+".run")
	if err != nil {
		return nil, err
	}
	c = &cache{dir, filepath.Join(caches, name), own}
	if err := errors.Join(os.MkdirAll(c.store, 0o755), os.Mkdir(c.modules(), 0o755)); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	err = filepath.WalkDir(c.store, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(c.store, path)
		switch {
		case errors.Join(err, ctx.Err()) != nil:
			return errors.Join(err, ctx.Err())
		case rel == ".":
			return nil
		case d.IsDir() && c.isOwn(rel):
			return fs.SkipDir
		case c.isOwn(rel):
			return nil
		case d.IsDir():
			return os.Mkdir(filepath.Join(c.modules(), rel), 0o755)
		}
		return os.Link(path, filepath.Join(c.modules(), rel))
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("linking the modules in %s: %w", c.store, err), c.remove())
	}
	return c, nil
}

func (c *cache) modules() string { return filepath.Join(c.dir, "modules") }

func (c *cache) remove() error { return os.RemoveAll(c.dir) }

// isOwn reports whether something in the cache is for one run only: the modules
// of this repository, and locks.
func (c *cache) isOwn(rel string) bool {
	if name := filepath.Base(rel); name == "lock" || strings.HasSuffix(name, ".lock") {
		return true
	}
	rel = strings.TrimPrefix(filepath.ToSlash(rel), "cache/download/")
	rest, found := strings.CutPrefix(rel, c.own)
	return found && (rest == "" || rest[0] == '/' || rest[0] == '@')
}

// keep adds to the store what the run has got and the store has not. The run has
// to be over, so that each module is complete; it comes into the store at once,
// whatever other runs do there.
func (c *cache) keep() error {
	return filepath.WalkDir(c.modules(), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(c.modules(), path)
		stored := filepath.Join(c.store, rel)
		_, err = os.Lstat(stored)
		switch isModule := d.IsDir() && strings.Index(d.Name(), "@") > 0; { // "@v" is where zip files are
		case c.isOwn(rel):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case err == nil && isModule:
			return fs.SkipDir
		case err == nil:
			return nil
		case isModule:
			if err := os.Rename(path, stored); err != nil && !errors.Is(err, fs.ErrExist) {
				return err
			}
			return fs.SkipDir
		case d.IsDir():
			err = os.Mkdir(stored, 0o755)
		default:
			err = os.Link(path, stored)
		}
		if errors.Is(err, fs.ErrExist) { // by another run, just now
			return nil
		}
		return err
	})
}
