// Package sup supervises workers: a supervisor starts them in order, restarts those
// that fail, and gives up in good order if restarts do not help.
//
// It has the semantics of Erlang/OTP's supervisor, with typed children.
//
// # Guarantees
//
//  1. Children start in the order of their declaration, each when the one before is
//     ready. They stop in reverse order, each within its own time. [Start] returns when
//     all children are ready. If it returns an error, no child has been left running.
//  2. A child never has two incarnations at once, unless its spec says
//     [StuckAbandon] or its supervisor was restarted after [StuckEscalate].
//  3. An error, a panic or a runtime.Goexit of a worker, or of a goroutine started with
//     [Go], becomes an [Exit] of that worker. A worker that does not return becomes
//     [StateStuck] and is reported with its stack. Nothing else is harmed.
//  4. After an exit, the [Restart] policy says whether the child is restarted, and the
//     [Strategy] says which siblings are restarted with it. The stops and starts after
//     one failure are a round, and count as one restart.
//  5. If there are more restarts than the [Intensity] allows, the supervisor ends with
//     an error that wraps the exits that led there. For its parent this is an abnormal
//     exit. A child with a Budget of its own is quarantined instead, and its siblings
//     are not affected.
//  6. A handle ([Child]) is typed and outlives restarts. It returns the live worker
//     without taking a lock.
//  7. Queries do not wait for starts, stops or rounds. An operator call waits only for
//     the child that it names.
//  8. When Shutdown has returned nil, everything that the supervisor started has ended.
//  9. Every supervisor records its recent events, whether or not there are listeners. A
//     stream of events ([Inspector]) delivers each event once and in order, and reports
//     gaps.
//
// The contract defines the behaviour line by line, with all differences from OTP:
// https://github.com/espalier-go/espalier/blob/main/SEMANTICS.md
//
// # Use
//
// A [Worker] is anything with a Run method, supervisors included. A [Spec] declares the
// children of a supervisor, and [Start] starts it:
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
// The children of a Spec[Worker] may be of several types. [Adapt] makes the start function
// of each fit, and [Every] returns the start function of a ticker. Package httpsup has a
// worker that serves HTTP:
//
//	s, err := sup.Start(ctx, sup.Spec[sup.Worker]{
//		Name: "orders",
//		Children: []sup.ChildSpec[sup.Worker]{
//			{ID: "db", Start: sup.Adapt(newDB)},     // func(context.Context) (*DB, error)
//			{ID: "http", Start: sup.Adapt(newHTTP)}, // func(context.Context) (*httpsup.Server, error)
//			{ID: "poll", Start: sup.Every(time.Minute, poll)},
//		},
//	})
//	db, ok := sup.As[*DB](s.Child("db")).Get() // *DB
//
// There is one type for each kind of supervisor:
//
//   - [Supervisor] has declared children of one type, which may be [Worker]. Others can
//     be added at run time by id.
//   - [Keyed] has children that come and go at run time, by key. [Keyed.Ensure] returns
//     the child of a key, and starts it if it is not there.
//   - [Replicas] has a fixed number of identical workers.
//   - [Tree] is embedded in a struct whose fields are the children, each of its own
//     type. Package gen and the command supgen generate the code from struct tags.
//   - [Stateful] is a Supervisor whose start functions share a kv.Context.
//
// A worker gets its [Path], the number of its [Incarnation], the exit of the [Previous]
// one, its supervisor ([Parent]) and the [Root] of its tree from its context. [Go] starts a
// goroutine that belongs to the incarnation, and [Beat] resets the watchdog.
//
// An [Observer] or a [Subscription] receives events, and [Log] writes them to a
// slog.Logger. [Inspect] and [Control] query and operate any descendant of a supervisor
// by its path.
//
// # Time and concurrency
//
// All methods are safe for concurrent use. Times are measured with the monotonic clock.
// In a testing/synctest bubble they are virtual. Package suptest helps to test trees
// there.
//
// A Watchdog, StartTimeout or Shutdown time is extended once by its full length if its
// timer fires much later than it was due. In that case the whole program was stopped, for
// example by docker pause, SIGSTOP, a debugger or a suspended machine, and its children
// with it. A child that is really stuck is found one interval later.
package sup
