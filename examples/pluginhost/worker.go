package main

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/sup/mailbox"
)

// A Worker receives files, lets a plugin convert each, and stores the result. A file
// that it does not finish goes to another worker.
type Worker struct {
	host    *Host
	service *service
}

// Run converts files until ctx ends.
func (w *Worker) Run(ctx context.Context) error {
	return w.host.Files.Process(ctx, w.process, mailbox.Policy[string]{
		DeadLetter: func(_ context.Context, letter mailbox.DeadLetter[string]) error {
			w.store(letter.Message, refusal(letter.Reason.Error(), true))
			return nil
		},
	})
}

func (w *Worker) process(ctx context.Context, path string) error {
	if w.host.Results.Has(path) {
		return nil // the walk has been restarted and sent it again
	}
	kind, _ := w.host.Found.Get(path)
	file, err := readFile(w.service.source, path)
	if err != nil {
		w.store(path, refusal(err.Error(), false))
		return nil
	}
	result, err := w.service.convert(ctx, w.service.pools[kind], file)
	if err != nil {
		return err
	}
	w.store(path, result)
	return nil
}

// store stores the first result of a file.
func (w *Worker) store(path string, result *content.Result) {
	if _, exists := w.host.Results.GetOrSet(path, result); exists {
		w.service.duplicates.Add(1)
	}
}

// readFile reads a file for conversion.
func readFile(source fs.FS, path string) (*content.File, error) {
	info, err := fs.Stat(source, path)
	if err != nil {
		return nil, err
	}
	if info.Size() > content.MaxFile {
		return nil, fmt.Errorf("larger than %d MiB", content.MaxFile>>20)
	}
	text, err := fs.ReadFile(source, path)
	if err != nil {
		return nil, err
	}
	return &content.File{Path: path, Content: text}, nil
}
