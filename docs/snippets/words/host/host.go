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

func start(ctx context.Context, source *plugin.Source[words.Words]) (*sup.Supervisor[*plugin.Client[words.Words]], error) {
	return sup.Start(ctx, sup.Spec[*plugin.Client[words.Words]]{
		Children: []sup.ChildSpec[*plugin.Client[words.Words]]{
			{ID: "words", Start: source.Start, Budget: sup.Intensity{Restarts: 5, Within: time.Minute}},
		},
	})
}

func inItsProcess(path string) *plugin.Source[words.Words] {
	return plugin.NewSource(words.WordsPlugin(proc.Command{Path: path}))
}

func inThisProcess() *plugin.Source[words.Words] {
	return plugin.InProcess(func(context.Context) (words.Words, error) { return words.Counter{}, nil })
}

func use(ctx context.Context, h plugin.Handle[words.Words]) (n int, err error) {
	w := words.NewWords(h) // a words.Words
	for word, err := range w.Split(ctx, "to be or not to be") {
		if err != nil {
			return 0, err
		}
		fmt.Println(word)
	}
	return w.Count(ctx, "to be or not to be")
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
		return c.Replace(ctx, words.WordsPlugin(proc.Command{Path: path})) // beside the calls in flight
	})
}

func directory(ctx context.Context, path string) (*plugin.Dir[words.Words], error) {
	return plugin.StartDir(ctx, plugin.DirSpec[words.Words]{
		Path: path,
		Spec: func(path string) (plugin.Spec[words.Words], bool) {
			return words.WordsPlugin(proc.Command{Path: path}), true
		},
	})
}
