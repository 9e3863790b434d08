//go:build unix

package plugin_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/rpc"
	"os"
	"time"

	"google.golang.org/grpc"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/proc"
)

// The examples share the spec of a plugin that counts words, and a host of it. The
// interface is Words, and the plugin is the test binary.

func wordsSpec(kind string) plugin.Spec[Words] {
	self, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	return plugin.Spec[Words]{
		Name:      "words",
		Command:   proc.Command{Path: self, Env: environ(kind), Stdout: proc.Kept, Stderr: proc.Kept},
		Handshake: handshake,
		Dial:      plugin.GRPC(newGRPCWords, "words.Words"),
	}
}

func startHost(source *plugin.Source[Words]) *sup.Supervisor[*plugin.Client[Words]] {
	host, err := sup.Start(context.Background(), sup.Spec[*plugin.Client[Words]]{
		Name:     "host",
		Children: []sup.ChildSpec[*plugin.Client[Words]]{{ID: "words", Start: source.Start}},
	})
	if err != nil {
		log.Fatal(err)
	}
	return host
}

func count(ctx context.Context, words plugin.Handle[Words], text string) (n int, err error) {
	err = plugin.Do(ctx, words, func(ctx context.Context, w Words) error {
		n, err = w.Count(ctx, text)
		return err
	})
	return n, err
}

// A plugin is called by its type, killed, and called again.
func Example() {
	ctx := context.Background()
	host := startHost(plugin.NewSource(wordsSpec("grpc")))
	defer host.Shutdown(ctx)
	words := host.Child("words")

	n, err := count(ctx, words, "one two three")
	fmt.Println(n, err)

	err = plugin.Do(ctx, words, func(ctx context.Context, w Words) error {
		_, err := w.Tell(ctx, "kill") // itself
		return err
	})
	died, _ := errors.AsType[*plugin.DiedError](err)
	fmt.Println(died.Exit)

	n, err = count(ctx, words, "one two three four five")
	fmt.Println(n, err)
	// Output:
	// 3 <nil>
	// signal: killed
	// 5 <nil>
}

func ExampleDo() {
	ctx := context.Background()
	host := startHost(plugin.NewSource(wordsSpec("grpc")))
	defer host.Shutdown(ctx)
	words := host.Child("words")

	var n int
	err := plugin.Do(ctx, words, func(ctx context.Context, w Words) (err error) {
		n, err = w.Count(ctx, "two words")
		return err
	})
	fmt.Println(n, err)

	host.TerminateChild(ctx, "words")
	err = plugin.Do(ctx, words, func(context.Context, Words) error { return nil })
	fmt.Println(errors.Is(err, sup.ErrStopped))
	// Output:
	// 2 <nil>
	// true
}

// The first process dies during the call, which is repeated with the next one.
func ExampleIdempotent() {
	ctx := context.Background()
	host := startHost(plugin.NewSource(wordsSpec("grpc")))
	defer host.Shutdown(ctx)
	file, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(file)

	err := plugin.Do(ctx, host.Child("words"), func(ctx context.Context, w Words) error {
		answer, err := w.Tell(ctx, "kill-once "+file+"/killed")
		fmt.Println(answer)
		return err
	}, plugin.Idempotent())
	fmt.Println(err)
	// Output:
	//
	// alive
	// <nil>
}

// The calls go to the replicas in turn.
func ExampleHandle() {
	ctx := context.Background()
	source := plugin.NewSource(wordsSpec("grpc"))
	replicas := sup.NewReplicas(sup.ReplicasSpec[*plugin.Client[Words]]{
		Count: 2,
		Start: func(ctx context.Context, i int) (*plugin.Client[Words], error) { return source.Start(ctx) },
	})
	if err := replicas.Start(ctx); err != nil {
		log.Fatal(err)
	}
	defer replicas.Shutdown(ctx)
	var words plugin.Handle[Words] = replicas
	fmt.Println(count(ctx, words, "any of them"))
	// Output: 3 <nil>
}

func ExampleSpec() {
	spec := plugin.Spec[Words]{
		Command:      proc.Command{Path: "/usr/libexec/words"},
		Handshake:    handshake,
		Dial:         plugin.GRPC(newGRPCWords, "words.Words"),
		Versions:     map[int]plugin.Dialer[Words]{0: plugin.NetRPC(newRPCWords)},
		StartTimeout: time.Second,
		Probe: func(ctx context.Context, w Words) error {
			_, err := w.Count(ctx, "a word")
			return err
		},
	}
	fmt.Println(plugin.NewSource(spec).Spec().Name)
	// Output: words
}

// The plugin is stopped by a signal and does not answer.
func ExampleLiveness() {
	ctx := context.Background()
	spec := wordsSpec("grpc")
	spec.Liveness = plugin.Liveness{Interval: 20 * time.Millisecond, Timeout: 500 * time.Millisecond, Failures: 2}
	host := startHost(plugin.NewSource(spec))
	defer host.Shutdown(ctx)

	err := plugin.Do(ctx, host.Child("words"), func(ctx context.Context, w Words) error {
		if _, err := w.Tell(ctx, "stop"); err != nil {
			return err
		}
		for { // until the signal takes effect
			if _, err := w.Tell(ctx, "pid"); err != nil {
				return err
			}
		}
	})
	fmt.Println(errors.Is(err, sup.ErrUnhealthy))
	// Output: true
}

func ExampleGRPC() {
	dial := plugin.GRPC(func(_ context.Context, conn *grpc.ClientConn) (Words, error) {
		return grpcClient{conn}, nil
	}, "words.Words")
	spec := wordsSpec("grpc")
	spec.Dial = dial
	host := startHost(plugin.NewSource(spec))
	defer host.Shutdown(context.Background())
	fmt.Println(count(context.Background(), host.Child("words"), "over gRPC"))
	// Output: 2 <nil>
}

func ExampleNetRPC() {
	dial := plugin.NetRPC(func(client *rpc.Client) (Words, error) {
		return rpcClient{client}, nil
	})
	spec := wordsSpec("netrpc")
	spec.Dial = dial
	host := startHost(plugin.NewSource(spec))
	defer host.Shutdown(context.Background())
	fmt.Println(count(context.Background(), host.Child("words"), "over net/rpc"))
	// Output: 2 <nil>
}

// A definition written for go-plugin can be used unchanged.
func ExampleStub() {
	spec := wordsSpec("grpc")
	spec.Dial = plugin.Stub[Words](grpcWords{service: "words.Words"})
	host := startHost(plugin.NewSource(spec))
	defer host.Shutdown(context.Background())
	fmt.Println(count(context.Background(), host.Child("words"), "by its definition"))
	// Output: 3 <nil>
}
