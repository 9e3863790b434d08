package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/sup/mailbox"
)

// A Walk finds the files, and feeds them to the desks. When all have a result
// it ends, and the host with it.
type Walk struct {
	host    *Host
	service *service
	paths   []string
	plan    []strike // of the chaos; what is left of it
}

var errNothing = errors.New("there is nothing to convert")

// Initialize finds the files, so that all are known when the host has started.
func (w *Walk) Initialize(ctx context.Context) error {
	paths, err := find(ctx, w.service.source)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("%w in %s: it takes a file whose name ends in .md, .html, .go, .png, .jpeg, .gif, .gz, .zip, .tar or the like", errNothing, w.service.dir)
	}
	for _, path := range paths {
		kind, _ := content.KindOf(path)
		w.host.Found.Set(path, kind)
	}
	w.paths = paths
	return nil
}

// find returns the paths of all files for which there are plugins, sorted.
func find(ctx context.Context, source fs.FS) (paths []string, err error) {
	err = fs.WalkDir(source, ".", func(path string, entry fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			if path == "." {
				return err
			}
			return nil // a directory that cannot be listed has no files
		}
		if _, ok := content.KindOf(path); ok && entry.Type().IsRegular() {
			paths = append(paths, path)
		}
		return nil
	})
	slices.Sort(paths) // a walk has "a/b" before "a.go"
	return paths, err
}

// Run sends the files, and lets the chaos strike in between.
func (w *Walk) Run(ctx context.Context) error {
	news := w.host.Results.WatchAll(ctx, 1)
	for i, path := range w.paths {
		if err := w.strike(ctx, i*planned/len(w.paths)); err != nil {
			return err
		}
		if err := w.host.Files.Send(ctx, path); err != nil {
			return err
		}
	}
	if err := w.strike(ctx, planned); err != nil {
		return err
	}
	if w.complete() {
		return nil
	}
	for range news {
		if w.complete() {
			return nil
		}
	}
	return context.Cause(ctx)
}

// strike lets the chaos do what it has planned until here, and waits for that.
func (w *Walk) strike(ctx context.Context, here int) error {
	for len(w.plan) > 0 && w.plan[0].at <= here {
		if _, err := mailbox.Ask(ctx, &w.host.Strikes, w.plan[0]); err != nil {
			return err
		}
		w.plan = w.plan[1:]
	}
	return nil
}

func (w *Walk) complete() bool { return w.host.Results.Len() == w.host.Found.Len() }
