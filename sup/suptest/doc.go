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
// # Incidents
//
// What has happened in production can happen again in a test. Package flight
// writes what is on record of a tree to a file; [Replay] does to a tree what was
// done to that one, and fails the test as long as it comes to grief again. With a
// test that calls Replay in place, the command that fetches the record into its
// directory makes an incident a failing test.
//
// [ScenarioOf] makes text of a record, a [Scenario], to read, to edit, and to
// keep: of what happens, workers and operators do the commands, and the traces
// behind '>' tell what came of each. It is the format in which the traces of
// Erlang's own supervisor are kept:
//
//	scenario NAME
//	supervisor STRATEGY N/TIME|unlimited [auto=any_significant|all_significant]
//	child PATH RESTART [KIND] [WORD…]     the path, below the root, says where
//	add PATH RESTART [KIND] [WORD…]       at run time
//	start | stop                          the root
//	die PATH HOW                          HOW: normal, shutdown, panic, goexit, canceled, or the text of an error
//	terminate | restart | delete | remove PATH
//	release                               lets workers go that are deaf
//	pass TIME                             virtual time
//
// where KIND is "supervisor STRATEGY INTENSITY", "keyed INTENSITY max=N each …" or
// "replicas INTENSITY count=N each …", with what each member is like behind "each"
// and at most 100,000 members; and WORD is one of significant, shutdown=TIME|infinity|brutal, timeout=TIME,
// backoff=MIN..MAX, factor=F, reset=TIME, budget=N/TIME, stuck=abandon|escalate, as in
// a spec, or says how the worker behaves: fail=FROM..TO:error|panic|goexit and
// hang=FROM..TO are attempts to start, from 1; slow=TIME and stop=TIME what its
// starts and stops take; deaf, that it stops only when it is released; badly, that
// it returns an error of its own then. Behind a command may stand " = " and the
// answer. A trace has the words start, init (for a start that takes its time),
// init_fail, init_cancel, die, stop_begin, stop, stuck, quarantine, and
// supervisor_exit; behind ':' stands which children are up or down then. A line
// that begins with '#' is a comment.
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
