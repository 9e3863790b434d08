// Package suptest helps to test supervision trees: it runs a test in virtual
// time, breaks the workers of a tree on command, and compares what the tree
// does about it, event by event.
//
// # What it guarantees
//
//  1. Time is virtual ([testing/synctest]): a backoff of an hour takes no time
//     at all, and nothing depends on how fast the machine is.
//  2. When a command or an expectation returns, everything has settled: no
//     goroutine of the test has anything left to do before time passes. After
//     a step that the test takes by itself, [testing/synctest.Wait] does that.
//  3. Faults are real. They go through the exported parts of package sup alone,
//     and a worker of any type ends as it would by itself: with an error, a
//     panic, a runtime.Goexit, or too late. A worker to which nothing is done
//     runs as if it were not wrapped.
//  4. Nothing leaks unseen. A child that does not stop, and a goroutine that is
//     left when the test has ended, fail the test, which then says where they
//     are.
//  5. Faults end with the body of the test, before its cleanups run: a child
//     that a test has hung does not hold up the end of the test.
//
// # Names
//
// A child is named by its path, "orders/feeds/ACME", as [sup.Path] gives it, or
// by the end of one, "feeds/ACME" or "ACME". The name in a command must fit one
// running child; settings and expectations take all that theirs fits.
//
// # Events as lines
//
// An expectation is the line that [Line] writes for an event, whole or with
// parts left out:
//
//	child exited orders/db #2: abnormal: connection lost
//	child exited db: abnormal
//	child exited db
//	child restarting db after 1s
//	supervisor failed orders
//
// # Usage
//
//	func TestTheDatabaseComesBack(t *testing.T) {
//		suptest.Run(t, func(t *testing.T) {
//			faults, events := suptest.NewFaults(t), new(suptest.Recorder)
//			spec := suptest.Inject(faults, orders.Spec())
//			spec.Observers = append(spec.Observers, events)
//			suptest.Start(t, spec)
//			events.Expect(t, "supervisor started orders")
//
//			faults.Crash("db", errors.New("connection lost"))
//			events.ExpectExactly(t,
//				"child exited db: abnormal: connection lost",
//				"child restarting db after 1s",
//			)
//			events.Expect(t, "child ready db #2") // a second later
//		})
//	}
//
// The children of a struct that declares a tree are broken through their start
// functions: wrap each with [InjectStart], say in a type that embeds the one
// whose methods make them. A nested tree has no start function; break its
// children.
package suptest
