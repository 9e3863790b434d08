//go:build unix

package plugin_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/espalier-go/espalier/sup/plugin"
)

// The Start of a Source is the start function of a child.
func ExampleNewSource() {
	ctx := context.Background()
	source := plugin.NewSource(wordsSpec("grpc"))
	host := startHost(source)
	defer host.Shutdown(ctx)
	fmt.Println(count(ctx, host.Child("words"), "one two three four five six"))
	// Output: 6 <nil>
}

// A stopped plugin gets another version before it is restarted.
func ExampleSource_Use() {
	ctx := context.Background()
	source := plugin.NewSource(wordsSpec("grpc"))
	host := startHost(source)
	defer host.Shutdown(ctx)
	host.TerminateChild(ctx, "words")

	next := wordsSpec("grpc")
	next.Name = "words 2"
	fmt.Println(source.Use(next))
	host.RestartChild(ctx, "words")
	c, _ := host.Child("words").Get()
	fmt.Println(c.Spec().Name)
	// Output:
	// <nil>
	// words 2
}

// The method Do calls one incarnation. The function Do waits for the next one.
func ExampleClient_Do() {
	ctx := context.Background()
	host := startHost(plugin.NewSource(wordsSpec("grpc")))
	defer host.Shutdown(ctx)
	client, _ := host.Child("words").Wait(ctx)
	tell := func(order string) error {
		return client.Do(ctx, func(ctx context.Context, w Words) error {
			_, err := w.Tell(ctx, order)
			return err
		})
	}
	fmt.Println(tell("pid"))
	died, _ := errors.AsType[*plugin.DiedError](tell("exit 3"))
	fmt.Println(died.Exit)
	fmt.Println(tell("pid"))
	// Output:
	// <nil>
	// exit code 3
	// incarnation of the plugin ended
}

func ExampleClient_Replace() {
	ctx := context.Background()
	source := plugin.NewSource(wordsSpec("grpc"))
	host := startHost(source)
	defer host.Shutdown(ctx)
	client, _ := host.Child("words").Wait(ctx)

	bad := wordsSpec("rubbish")
	err := client.Replace(ctx, bad)
	fmt.Println(errors.Is(err, plugin.ErrHandshake))

	good := wordsSpec("grpc")
	good.Name = "words 2"
	fmt.Println(client.Replace(ctx, good))
	fmt.Println(source.Spec().Name)
	// Output:
	// true
	// <nil>
	// words 2
}
