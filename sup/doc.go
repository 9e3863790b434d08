// Package sup keeps things running: supervisors that start workers in order,
// restart them when they fail, and give up in good order when that does not
// help. It has the semantics of Erlang/OTP's supervisor, in Go's types.
//
// # What is guaranteed
//
//  1. Children start in declared order, each when the one before is ready, and
//     stop in reverse order, each within its own time. [Start] returns when all
//     are ready, or with an error and nothing left running.
//  2. One child never has two incarnations at once, unless its spec says
//     [StuckAbandon].
//  3. Whatever a worker does in its own goroutine and in those started with [Go]
//     (an error, a panic, runtime.Goexit, never returning) stays in the worker:
//     it becomes an [Exit], or a child that is [StateStuck] and reported with its
//     stack.
//  4. An exit restarts the child as its [Restart] policy says, and with it the
//     siblings that the [Strategy] says. The stopping and starting that one
//     failure causes is one round, and counts once.
//  5. More restarts than the [Intensity] allows end the supervisor, with an
//     error that wraps the exits that led there. A nested supervisor that ends
//     so is an abnormal exit to the one above. A child with a Budget of its own
//     is quarantined instead, and nobody else is touched.
//  6. A handle, [Child], gives the worker that is live, typed, without a lock,
//     and outlives restarts.
//  7. Queries wait for no start, stop or round, and operators' calls for
//     nothing but the child that they name.
//  8. When Shutdown has returned nil, nothing that the supervisor started is
//     left running.
//  9. What has happened is on record, whether anybody listened or not. A stream
//     of events ([Inspector]) tells each once and in order, and says where some
//     are missing.
//
// # Use
//
// Everything that can be supervised is a [Worker], supervisors too. A [Spec]
// says which children a supervisor has, [Start] starts it:
//
//	s, err := sup.Start(ctx, sup.Spec[*Bidder]{
//		Name:     "auction",
//		Strategy: sup.OneForAll,
//		Children: []sup.ChildSpec[*Bidder]{
//			{ID: "bidder-1", Start: newBidder(1)},
//			{ID: "bidder-2", Start: newBidder(2), Restart: sup.Transient},
//		},
//	})
//	b, ok := s.Child("bidder-1").Get() // *Bidder
//	err = s.Shutdown(ctx)
//
// Which type fits:
//
//   - [Supervisor]: children that are declared, and some that are added at run
//     time, by id, all of one type; that type may be [Worker].
//   - [Keyed]: children that come and go at run time, by key.
//   - [Replicas]: a fixed number of workers that are alike.
//   - [Tree]: a struct whose fields are the children, each of its own type.
//     Package gen and the command supgen write its builder from struct tags.
//   - [Stateful]: a Supervisor whose start functions share a kv.Context.
//
// From its context a worker learns its [Path], its [Incarnation] and how the
// [Previous] one ended. [Go] starts goroutines that belong to it, and [Beat]
// satisfies a watchdog. [Observer] and [Subscription] tell what happens,
// [Log] writes it to a slog.Logger. [Inspect] and [Control] reach everything
// below a supervisor by its path.
//
// # Time and concurrency
//
// All methods are safe for concurrent use. Times are kept with the monotonic
// clock, and are virtual within a testing/synctest bubble; package suptest
// helps to test trees there.
//
// A Watchdog, a StartTimeout and a Shutdown time are extended once, by their full
// length, if their timer fires much later than it was due. The whole program was
// stopped then, by docker pause, SIGSTOP, a debugger or a suspended machine, and
// its children with it. What is really stuck is found one interval later.
//
// Where the semantics differ from OTP's, the README of the module says so.
package sup
