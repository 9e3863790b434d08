//go:build unix

package plugin_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
)

func ExampleStartError() {
	_, err := sup.Start(context.Background(), sup.Spec[*plugin.Client[Words]]{
		Children: []sup.ChildSpec[*plugin.Client[Words]]{{ID: "words", Start: plugin.NewSource(wordsSpec("exit")).Start}},
	})
	failure, _ := errors.AsType[*plugin.StartError](err)
	fmt.Println(errors.Is(failure, plugin.ErrHandshake), failure.Err)
	fmt.Println(failure.Lines)
	// Output:
	// true no handshake: exit code 3
	// [I have no licence]
}

func ExampleDiedError() {
	ctx := context.Background()
	host := startHost(plugin.NewSource(wordsSpec("grpc")))
	defer host.Shutdown(ctx)
	err := plugin.Do(ctx, host.Child("words"), func(ctx context.Context, w Words) error {
		_, err := w.Tell(ctx, "exit 3")
		return err
	})
	if died, ok := errors.AsType[*plugin.DiedError](err); ok {
		fmt.Println(died.Name, died.Exit.Code, died.Err != nil)
	}
	// Output: words 3 true
}

func ExampleUnavailableError() {
	ctx := context.Background()
	host := startHost(plugin.NewSource(wordsSpec("grpc")))
	words := host.Child("words")
	host.Shutdown(ctx)
	_, err := count(ctx, words, "one two")
	unavailable, _ := errors.AsType[*plugin.UnavailableError](err)
	fmt.Println(unavailable.Last.Kind, errors.Is(err, sup.ErrNotRunning))
	// Output: shutdown true
}
