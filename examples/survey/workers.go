package main

import (
	"context"
	"io/fs"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A walker finds the files and then sends them to the pool.
type walker struct{ survey *survey }

func (s *survey) newWalker(context.Context) (*walker, error) { return &walker{s}, nil }

// Initialize finds the files, so that all are known when the survey has started.
func (w *walker) Initialize(ctx context.Context) error {
	if _, err := fs.ReadDir(w.survey.source, "."); err != nil {
		return err
	}
	for path := range goFiles(w.survey.source) {
		w.survey.files.GetOrSet(path, nil)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	return nil
}

func (w *walker) Run(ctx context.Context) error {
	for _, path := range w.survey.uncounted() {
		select {
		case w.survey.queue <- path:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	close(w.survey.queue)
	return nil
}

// A reader in the pool reads files until the queue is closed.
type reader struct{ survey *survey }

func (s *survey) newReader(context.Context, int) (*reader, error) { return &reader{s}, nil }

func (r *reader) Run(ctx context.Context) error {
	idle := time.NewTicker(r.survey.patience / 4)
	defer idle.Stop()
	for {
		select {
		case path, more := <-r.survey.queue:
			if !more {
				return nil
			}
			if err := r.survey.read(ctx, path); err != nil {
				return err
			}
		case <-idle.C: // waiting for work is not a hang
			sup.Beat(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// A suspect reads one file that has broken a reader.
type suspect struct {
	survey *survey
	path   string
}

func (s *survey) newSuspect(_ context.Context, path string) (*suspect, error) {
	return &suspect{s, path}, nil
}

func (w *suspect) Run(ctx context.Context) error { return w.survey.read(ctx, w.path) }
