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

// A Walk finds the files and sends them to the workers. It ends when all files have a
// result, and the host ends with it. If the host is to stay up, it does not end by itself.
type Walk struct {
	host    *Host
	service *service
	paths   []string
	plan    []fault // faults that have not been injected
}

var errNoFiles = errors.New("no files to convert")

// Initialize finds the files, so that their number is known when the host has started.
func (w *Walk) Initialize(ctx context.Context) error {
	paths, err := find(ctx, w.service.source)
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("%s: %w: use a directory with files such as .md, .html, .go, .png, .jpeg, .gif, .gz, .zip or .tar", w.service.dir, errNoFiles)
	}
	for _, path := range paths {
		kind, _ := content.KindOf(path)
		w.host.Found.Set(path, kind)
	}
	w.paths = paths
	return nil
}

// find returns the paths of all files that a plugin can convert, sorted.
func find(ctx context.Context, source fs.FS) (paths []string, err error) {
	err = fs.WalkDir(source, ".", func(path string, entry fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			if path == "." {
				return err
			}
			return nil // a directory that cannot be read is left out
		}
		if _, ok := content.KindOf(path); ok && entry.Type().IsRegular() {
			paths = append(paths, path)
		}
		return nil
	})
	slices.Sort(paths) // WalkDir has "a/b" before "a.go"
	return paths, err
}

// Run sends the files, and waits for their results.
func (w *Walk) Run(ctx context.Context) error {
	if err := w.walk(ctx); err != nil || !w.service.stay {
		return err
	}
	w.service.convertedOnce()
	<-ctx.Done()
	return context.Cause(ctx)
}

// walk sends the files, injects faults in between, and waits for the results.
func (w *Walk) walk(ctx context.Context) error {
	changes := w.host.Results.WatchAll(ctx, 1)
	for i, path := range w.paths {
		if err := w.inject(ctx, i*planLength/len(w.paths)); err != nil {
			return err
		}
		if err := w.host.Files.Send(ctx, path); err != nil {
			return err
		}
	}
	if err := w.inject(ctx, planLength); err != nil {
		return err
	}
	if w.complete() {
		return nil
	}
	for range changes {
		if w.complete() {
			return nil
		}
	}
	return context.Cause(ctx)
}

// inject lets the chaos inject the faults that are due, and waits for it.
func (w *Walk) inject(ctx context.Context, here int) error {
	for len(w.plan) > 0 && w.plan[0].at <= here {
		if _, err := mailbox.Ask(ctx, &w.host.Faults, w.plan[0]); err != nil {
			return err
		}
		w.plan = w.plan[1:]
	}
	return nil
}

func (w *Walk) complete() bool { return w.host.Results.Len() == w.host.Found.Len() }
