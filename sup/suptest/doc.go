// Package suptest tests supervision trees in virtual time. It makes the workers of
// a tree fail on command and compares the events that follow with those expected.
//
// # Guarantees
//
//  1. Time is virtual ([testing/synctest]). A backoff of an hour takes no time, and
//     no result depends on the speed of the machine.
//  2. When a command or an expectation returns, the test has settled: every
//     goroutine of the test waits, for time to pass or for another one. After a
//     step of its own, a test calls [Settle].
//  3. Faults are real. A worker of any type ends as it would by itself: by an error,
//     a panic, a runtime.Goexit, or too late. Without a fault, a worker runs as if
//     it were not wrapped.
//  4. Leaks fail the test. A child that does not stop, and a goroutine that is left
//     at the end of the test, are reported with their stacks.
//  5. Faults end with the body of the test, before its cleanups run. A child that
//     hangs does not delay the end of the test.
//
// # Names
//
// The name of a child is its path as [sup.Path] returns it, "orders/feeds/ACME", or
// the end of its path, "feeds/ACME" or "ACME". A command needs a name that matches
// exactly one running child. Settings and expectations apply to every child that
// their name matches.
//
// # Events as lines
//
// An expectation is the line that [Line] returns for an event, or that line
// without some of its details:
//
//	child exited orders/db #2: abnormal: connection lost
//	child exited db: abnormal
//	child exited db
//	child restarting db after 1s
//	supervisor failed orders
//
// # Usage
//
//	func TestTheDatabaseRestarts(t *testing.T) {
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
// A tree that is declared as a struct needs no change. [InjectTree] reaches its children
// at any depth:
//
//	events := new(suptest.Recorder)
//	shop := NewShop(children{}, events)
//	if err := shop.Start(suptest.InjectTree(t.Context(), faults)); err != nil {
//		t.Fatal(err)
//	}
//	suptest.Cleanup(t, shop)
//
// Package replay tests a tree with the flight records of incidents.
package suptest
