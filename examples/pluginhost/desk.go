package main

import (
	"context"
	"fmt"
	"io/fs"

	"github.com/espalier-go/espalier/examples/pluginhost/content"
	"github.com/espalier-go/espalier/sup/mailbox"
)

// A Desk takes one file after the other, has it converted, and keeps the
// result. A file that it fails to finish goes to another desk.
type Desk struct {
	host    *Host
	service *service
}

// Run never ends by itself.
func (d *Desk) Run(ctx context.Context) error {
	return d.host.Files.Process(ctx, d.process, mailbox.Policy[string]{
		DeadLetter: func(_ context.Context, letter mailbox.DeadLetter[string]) error {
			d.keep(letter.Message, refusal(letter.Reason.Error(), true))
			return nil
		},
	})
}

func (d *Desk) process(ctx context.Context, path string) error {
	if d.host.Results.Has(path) {
		return nil // the walk has been there twice
	}
	kind, _ := d.host.Found.Get(path)
	file, err := readFile(d.service.source, path)
	if err != nil {
		d.keep(path, refusal(err.Error(), false))
		return nil
	}
	result, err := d.service.convert(ctx, d.service.pools[kind], file)
	if err != nil {
		return err
	}
	d.keep(path, result)
	return nil
}

// keep keeps the first result of a file.
func (d *Desk) keep(path string, result *content.Result) {
	if _, again := d.host.Results.GetOrSet(path, result); again {
		d.service.again.Add(1)
	}
}

// readFile reads a file that is to be converted.
func readFile(source fs.FS, path string) (*content.File, error) {
	info, err := fs.Stat(source, path)
	if err != nil {
		return nil, err
	}
	if info.Size() > content.MaxFile {
		return nil, fmt.Errorf("it is larger than %d MiB", content.MaxFile>>20)
	}
	text, err := fs.ReadFile(source, path)
	if err != nil {
		return nil, err
	}
	return &content.File{Path: path, Content: text}, nil
}
