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
//   - No plugin can end the host, nor hold it up by what it prints. What it prints
//     as its handshake is checked before go-plugin sees it, a start ends in its
//     StartTimeout whatever serves the plugin's socket, and a panic in it is a
//     [StartError].
//   - A start that fails because the host has run out of descriptors, processes or
//     memory wraps the number of the error, such as syscall.EMFILE.
//   - The sockets of a host that was killed are removed by the next one that starts
//     a plugin with the same TMPDIR.
//
// # What a plugin can still do
//
// A plugin is a program with the rights of its host: no sandbox. Apart from what
// any such program can do, such as signal the host, it can
//
//   - cost the host memory: a few times [Spec].MaxMessage for each call in flight,
//     and a goroutine for a few seconds for each connection that it opens or offers
//     through go-plugin's broker, see [Spec].MaxBrokered;
//   - cost the host time: with lines of output, which are read as fast as they
//     come, each up to [proc.MaxLine], and of which those are dropped that a slow
//     logger is too late for; or by answering late, within the caller's deadline;
//   - fill the log: the level and the text of a line in the JSON of go-hclog are the
//     plugin's. Its attributes are in the group "plugin", and those of the host,
//     such as path, pid and stream, cannot be set by it;
//   - answer wrongly: a T is what Dial makes of the connection, and the host's code
//     must check what it is told;
//   - leave processes that have left its group; on Linux they are named in
//     [proc.Exit].
//
// [proc.Limits] and, for a file system or network of its own, a wrapper as
// Command.Path, bound more of that.
//
// A host that is itself a plugin does not hand on what go-plugin told it, unless
// Env says so: the variables of [proc.Environ], and its cookie, which is found if
// go-plugin has started the host directly.
//
// How a plugin is served does not change: with go-plugin's Serve, in the
// plugin's own main function.
package plugin
