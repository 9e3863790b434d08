//go:build unix

package plugin_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/proc"
)

func ExampleSpecError() {
	spec := plugin.Spec[Words]{Command: proc.Command{Path: "words"}, Dial: plugin.GRPC(newGRPCWords), StartTimeout: -1}
	_, err := plugin.NewSource(spec).Start(context.Background())
	faults, _ := errors.AsType[*plugin.SpecError](err)
	for _, f := range faults.Faults {
		fmt.Println(f)
	}
	// Output:
	// Handshake.MagicCookieKey "" names no environment variable: give the key that the plugin is served with
	// Handshake.MagicCookieValue is empty: give the value that the plugin is served with
	// StartTimeout is -1ns: give 0 for the default, or more
}

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

func ExampleNotReadyError() {
	spec := wordsSpec("silent")
	spec.StartTimeout = 100 * time.Millisecond
	_, err := sup.Start(context.Background(), sup.Spec[*plugin.Client[Words]]{
		Children: []sup.ChildSpec[*plugin.Client[Words]]{{ID: "words", Start: plugin.NewSource(spec).Start}},
	})
	late, _ := errors.AsType[*plugin.NotReadyError](err)
	fmt.Println(late.After, errors.Is(err, plugin.ErrNotReady))
	// Output: 100ms true
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
	_, err := count(ctx, words, "nobody is there")
	unavailable, _ := errors.AsType[*plugin.UnavailableError](err)
	fmt.Println(unavailable.Last.Kind, errors.Is(err, sup.ErrNotRunning))
	// Output: shutdown true
}
