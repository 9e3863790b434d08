// Package plugin keeps implementations of a Go interface alive that are
// processes of their own, and calls them by type.
//
// The processes are plugins of github.com/hashicorp/go-plugin, over gRPC or
// net/rpc; they are started, watched and ended by
// github.com/espalier-go/espalier/sup/proc, and restarted by a supervisor. A
// [Spec] names the binary and makes a T of the connection to it; a [Source] is
// the start function of the child; the worker is a [Client]; [Do] calls it:
//
//	source := plugin.NewSource(plugin.Spec[Counter]{
//		Command:   proc.Command{Path: "./counter"},
//		Handshake: handshake,
//		Dial:      plugin.GRPC(newCounter, "words.Counter"),
//	})
//	s, err := sup.Start(ctx, sup.Spec[*plugin.Client[Counter]]{
//		Children: []sup.ChildSpec[*plugin.Client[Counter]]{{ID: "counter", Start: source.Start}},
//	})
//	counter := s.Child("counter")
//	err = plugin.Do(ctx, counter, func(ctx context.Context, c Counter) error {
//		n, err = c.Count(ctx, text)
//		return err
//	})
//
// # What is guaranteed
//
//   - A child is ready when its plugin has served a T that stood the probe. A
//     binary that cannot be run, is no plugin, speaks another version, does not
//     implement T, or takes too long is a [StartError] with the reason and its
//     last words, and nothing of it is left.
//   - A call is made on a live process or not at all. Do waits out a restart for
//     as long as the caller's context lets it, and fails at once where there
//     will be none.
//   - f is called once; twice at most if the call is [Idempotent].
//   - What f returns is the caller's. That the plugin died under it is told by a
//     [DiedError].
//   - The context of f ends when the process does.
//   - [Client.Replace] loses no call, unless it outlasts the DrainTimeout, and
//     takes nothing down that works until the new version does.
//   - When a child has stopped, its process is gone, with all that it has
//     started in its group. On Linux it is also gone when the host is, however
//     that ends; elsewhere a plugin outlives a host that is killed.
//   - No plugin can end the host, nor hold it up by what it prints.
//
// How a plugin is served does not change: with go-plugin's Serve, in the
// plugin's own main function.
package plugin
