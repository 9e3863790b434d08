// Package remote lets a tree of supervisors be watched and operated from
// outside: by a command (cmd/supctl), by a program on another machine, by curl.
//
// # What holds
//
//  1. A [Client] is a [sup.Controller], as [sup.Control] is in the process: the
//     same calls, the same snapshots, the same errors. [errors.Is] and [errors.As]
//     find in an error what they would find there.
//  2. Nobody is let in to whom nothing is granted. Over a unix socket the
//     kernel says who connects: processes of the same user, and of root, are
//     operators, others are what [Config.Access] says. Over TCP a certificate or
//     a token says it, in TLS 1.3; without TLS a server listens on loopback only,
//     and there only with a grant for [Anyone].
//  3. A [Viewer] looks, an [Operator] does everything. Each call of an operator
//     is logged: who, what, and the result.
//  4. A call is carried out once or not at all: what changes something is not
//     sent again if it may have arrived. With the incarnation that the caller
//     has seen, see [sup.Target], it is refused if the child is another one by
//     now. A child that is replaced, see [Client.Replace], is not left down
//     because a connection was lost.
//  5. A stream of events goes on after a cut, and after a restart of the
//     server, from the last event that was told, and says what it had to skip.
//  6. No client holds up the tree, or another client for long: what is read,
//     written, waited for and held open is bounded, see [Config]. Connections
//     without credentials, and viewers, take no place and no memory from
//     operators.
//  7. A request with a field that is misspelt is refused, and the whole tree is
//     shut down only if that is said.
//  8. A socket of a live server is not taken from it, and a stale one is
//     replaced. A server does not listen, and a client sends nothing, where
//     another user can have put a socket of their own, see [Config.Address] and
//     [Dialer.ServerUsers].
//
// # Usage
//
// The server is a child of the tree that it serves, the first one, so that it
// is the last to stop. Its start function runs within the start of the tree, so
// make the tree with sup.New, which names it before, and then start it:
//
//	var s *sup.Supervisor[sup.Worker]
//	s = sup.New(sup.Spec[sup.Worker]{Name: "orders", Children: []sup.ChildSpec[sup.Worker]{
//		{ID: "control", Start: func(context.Context) (sup.Worker, error) {
//			return remote.NewServer(sup.Control(s), remote.Config{Address: "unix:/run/orders/control.sock"}), nil
//		}},
//	}})
//	err := s.Start(ctx)
//
// and then, from a shell,
//
//	supctl -a unix:/run/orders/control.sock tree
//	curl --unix-socket /run/orders/control.sock -H 'Content-Type: application/json' -d '{}' \
//		http://localhost/espalier.v1.Control/Snapshot
//
// To shut down, {"target": {"path": "orders/feeds"}} is sent to Shutdown; the
// whole tree by its name, or with {"whole": true}.
//
// The protocols are Connect, with JSON or protobuf, gRPC and gRPC-Web; the
// messages are in internal/proto/espalier/v1/control.proto.
package remote
