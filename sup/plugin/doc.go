// Package plugin supervises plugins, which are processes that implement a Go
// interface, and calls them by type.
//
// A plugin is built with github.com/hashicorp/go-plugin, over gRPC or net/rpc. Its
// main function calls Serve of go-plugin, as without this package. The host
// starts the process with [github.com/espalier-go/espalier/sup/proc], and a
// supervisor restarts it.
//
// # Guarantees
//
//  1. A child is ready once its plugin serves a T that has passed the probe. A
//     start fails with a [StartError] if the binary cannot be run, is not a plugin,
//     speaks another version, does not implement T, or takes too long. The error
//     has the reason and the last output, and no process remains.
//  2. A call reaches a live process or fails. [Do] waits for a restart as long as
//     the context of the caller lasts, and fails at once if there will be none.
//  3. The function of a call runs once, or at most twice if the call is
//     [Idempotent].
//  4. An error of the function is returned to the caller unchanged. If the plugin
//     died during the call, the error is a [DiedError].
//  5. The context of a call ends with the process.
//  6. [Client.Replace] loses no call that returns within the DrainTimeout. It stops
//     the old process only after the new one is ready.
//  7. When a child has stopped, its process and all processes of its group have
//     ended. On Linux they also end with the host, however the host ends. On other
//     systems they survive a host that is killed.
//  8. A plugin cannot end the host, and cannot block it with output. Its handshake
//     is checked before go-plugin reads it. A start ends within its StartTimeout
//     whatever serves the socket of the plugin. A panic in a start is a [StartError].
//  9. A start that fails because the host lacks descriptors, processes or memory
//     wraps the number of the error, such as syscall.EMFILE.
//  10. The sockets of a host that was killed are removed by the next host with the
//     same TMPDIR that starts a plugin.
//
// # Usage
//
// A [Spec] names the binary and says how to make a T from the connection. A [Source]
// has the start function of the child, and a [Client] is its worker:
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
// A [Dir] supervises one plugin for each executable file of a directory.
//
// # What a plugin can still do
//
// A plugin runs with the rights of its user and is not in a sandbox. In addition to
// what any such program can do, such as send signals to the host, it can
//
//   - use memory of the host: a few times [Spec].MaxMessage for each call in
//     flight, and a goroutine for a few seconds for each connection that it opens or
//     offers through go-plugin's broker, see [Spec].MaxBrokered;
//   - use time of the host: with lines of output, each up to [proc.MaxLine], which
//     are read as fast as they arrive and dropped if the logger is slower; or with
//     late answers, up to the deadline of the caller;
//   - fill the log: a line in the JSON format of go-hclog sets the level and the
//     message of its record. Its attributes are in the group "plugin", so it cannot
//     set an attribute of the host, such as path, pid and stream;
//   - answer incorrectly: the host must check the answers of a T;
//   - leave processes that have left its group. On Linux, [proc.Exit] lists them.
//
// [proc.Limits] restrict some of this. A wrapper program as Command.Path can give a
// plugin a file system or a network of its own.
//
// # Hosts that are plugins
//
// A host that is itself a plugin does not pass on the variables that it got from
// go-plugin, unless Env contains them. These are the variables that [proc.Environ]
// leaves out, and the cookie, which is found if go-plugin has started the host
// directly.
package plugin
