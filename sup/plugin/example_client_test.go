//go:build unix

package plugin_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
)

func ExampleSource() {
	ctx := context.Background()
	source := plugin.NewSource(wordsSpec("grpc"))
	host := startHost(source)
	defer host.Shutdown(ctx)
	fmt.Println(count(ctx, host.Child("words"), "the start function of a child"))
	// Output: 6 <nil>
}

func ExampleNewSource() {
	source := plugin.NewSource(plugin.Spec[Words]{}) // says nothing yet
	_, err := source.Start(context.Background())
	fmt.Println(errors.Is(err, sup.ErrSpec))
	// Output: true
}

func ExampleSource_Start() {
	ctx := context.Background()
	source := plugin.NewSource(wordsSpec("grpc"))
	host, err := sup.Start(ctx, sup.Spec[*plugin.Client[Words]]{
		Children: []sup.ChildSpec[*plugin.Client[Words]]{{ID: "words", Start: source.Start}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer host.Shutdown(ctx)
	_, live := host.Child("words").Get()
	fmt.Println(live)
	// Output: true
}

func ExampleSource_Spec() {
	source := plugin.NewSource(wordsSpec("grpc"))
	fmt.Println(source.Spec().StartTimeout)
	// Output: 10s
}

// A plugin that is down is given another version, and started again.
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

func ExampleClient() {
	ctx := context.Background()
	host := startHost(plugin.NewSource(wordsSpec("grpc")))
	defer host.Shutdown(ctx)
	client, err := host.Child("words").Wait(ctx)
	fmt.Println(client.Pid() > 0, err)
	// Output: true <nil>
}

// Do of a client calls that process or none; the function Do waits for the
// next.
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
	// plugin ended
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

func ExampleClient_Spec() {
	ctx := context.Background()
	host := startHost(plugin.NewSource(wordsSpec("grpc")))
	defer host.Shutdown(ctx)
	client, _ := host.Child("words").Get()
	fmt.Println(client.Spec().Name, client.Spec().DrainTimeout)
	// Output: words 2s
}

func ExampleClient_Pid() {
	ctx := context.Background()
	host := startHost(plugin.NewSource(wordsSpec("grpc")))
	defer host.Shutdown(ctx)
	client, _ := host.Child("words").Get()
	client.Do(ctx, func(ctx context.Context, w Words) error {
		pid, err := w.Tell(ctx, "pid")
		fmt.Println(pid == fmt.Sprint(client.Pid()))
		return err
	})
	// Output: true
}

func ExampleClient_Protocol() {
	ctx := context.Background()
	host := startHost(plugin.NewSource(wordsSpec("grpc")))
	defer host.Shutdown(ctx)
	client, _ := host.Child("words").Get()
	fmt.Println(client.Protocol())
	// Output: 1 grpc
}
