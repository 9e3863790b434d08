// Package remote serves a supervision tree to other processes, which can inspect
// and operate it: with the command supctl, from a Go program, or with curl.
//
// # Guarantees
//
//  1. A [Client] is a [sup.Controller], like [sup.Control] in the process. It has
//     the same calls, snapshots and errors. [errors.Is] and [errors.As] work as they
//     do in the process.
//  2. Every client needs a [Grant]. Over a unix socket the kernel identifies the
//     client: processes of the same user and of root are operators, [Config.Access]
//     admits others. Over TCP a certificate or a token identifies the client, in TLS
//     1.3. Without TLS a server listens on loopback only, and needs a grant for
//     [Anyone].
//  3. A [Viewer] can inspect the tree, an [Operator] can also change it. The server
//     logs each call of an operator with the client and the result.
//  4. A call that changes the tree is executed at most once: the client does not
//     repeat a request that may have arrived. If [sup.Target] names an incarnation,
//     the call fails once the child has had another one. [Client.Replace] starts the
//     child again even if the connection is lost in the middle.
//  5. An event stream resumes after a lost connection and after a restart of the
//     server. It continues after the last event that was delivered, and reports the
//     events that it had to skip.
//  6. No client can block the tree, or another client for long. The server limits
//     request size, write time, waiting time and open connections, see [Config].
//     Connections without credentials and connections of viewers take neither places
//     nor memory from operators.
//  7. A request with an unknown field is rejected. Shutting down the whole tree must
//     be requested explicitly.
//  8. A server never takes over the socket of a running server, and replaces a stale
//     one. A server does not listen, and a client sends nothing, where another user
//     could have created the socket, see [Config.Address] and [Dialer.ServerUsers].
//
// # Usage
//
// Make the server the first child of the tree that it serves, so that it stops last. Its
// start function finds the tree through its context:
//
//	{ID: "control", Start: func(ctx context.Context) (sup.Worker, error) {
//		tree := sup.Control(sup.Root(ctx))
//		return remote.NewServer(tree, remote.Config{Address: "unix:/run/orders/control.sock"}), nil
//	}},
//
// Then, from a shell:
//
//	supctl -a unix:/run/orders/control.sock tree
//	curl --unix-socket /run/orders/control.sock -H 'Content-Type: application/json' -d '{}' \
//		http://localhost/espalier.v1.Control/Snapshot
//
// The request {"target": {"path": "orders/feeds"}} to Shutdown shuts down a
// supervisor. The whole tree is shut down by its name, or with {"whole": true}.
//
// The server speaks Connect with JSON or protobuf, gRPC, and gRPC-Web. The messages
// are defined in internal/proto/espalier/v1/control.proto.
package remote
