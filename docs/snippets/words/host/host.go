// Package host calls the plugins of the guide to plugins.
package host

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/espalier-go/espalier/docs/snippets/words"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/proc"
)

func specOf(path string) plugin.Spec[words.Words] {
	return plugin.Spec[words.Words]{
		Command:   proc.Command{Path: path},
		Handshake: words.Handshake,
		Dial:      plugin.Stub[words.Words](&words.Plugin{}),
		Serves:    "words",
	}
}

func start(ctx context.Context, source *plugin.Source[words.Words]) (*sup.Supervisor[*plugin.Client[words.Words]], error) {
	return sup.Start(ctx, sup.Spec[*plugin.Client[words.Words]]{
		Children: []sup.ChildSpec[*plugin.Client[words.Words]]{
			{ID: "words", Start: source.Start, Budget: sup.Intensity{Restarts: 5, Within: time.Minute}},
		},
	})
}

func count(ctx context.Context, h plugin.Handle[words.Words], text string) (n int, err error) {
	err = plugin.Do(ctx, h, func(ctx context.Context, w words.Words) error { // w is the live plugin
		n, err = w.Count(text)
		return err
	}, plugin.Idempotent()) // called once more if the plugin dies meanwhile
	return n, err
}

func explain(err error) {
	if died, ok := errors.AsType[*plugin.DiedError](err); ok {
		fmt.Println("died during the call:", died.Exit)
	}
	if errors.Is(err, sup.ErrQuarantined) {
		fmt.Println("more than 5 restarts in a minute; an operator must restart it")
	}
}

func upgrade(ctx context.Context, h sup.Child[*plugin.Client[words.Words]], path string) error {
	return h.Do(ctx, func(ctx context.Context, c *plugin.Client[words.Words]) error {
		return c.Replace(ctx, specOf(path)) // beside the calls in flight
	})
}

func directory(ctx context.Context, path string) (*plugin.Dir[words.Words], error) {
	return plugin.StartDir(ctx, plugin.DirSpec[words.Words]{
		Path: path,
		Spec: func(path string) (plugin.Spec[words.Words], bool) { return specOf(path), true },
	})
}
