// Package replay turns flight records and written scenarios into tests. Such a test does
// to a tree what was once done to another one, in virtual time.
//
// # Incidents
//
// Package flight writes the events and a snapshot of a tree to a file. [Run] does the
// same to a tree of a test, and fails the test if the tree fails again. With a test
// that calls Run, a record that is copied into its directory is a failing test, and a
// regression test once the tree has been mended.
//
// [ScenarioOf] makes a [Scenario] of a record, which is text to read, edit and keep.
// [Scenario.Play] plays a scenario on stand-ins for its workers, [Scenario.PlayOn] on a
// tree of the test.
//
// # The format
//
// A scenario is the declaration of a tree, with commands. A command is what a worker or
// an operator does, and the trace behind '>' is what follows from it. The traces of
// Erlang's own supervisor, with which espalier is compared, have the same format.
//
//	scenario NAME
//	supervisor STRATEGY INTENSITY [auto=any_significant|all_significant]
//	child PATH RESTART [KIND] [WORD...]
//	COMMAND [= ANSWER]
//	> EVENT, EVENT, ...
//	: PATH STATE, PATH STATE, ...
//
// INTENSITY is N/TIME or unlimited. PATH is the path below the root, with slashes between
// the ids. A blank or comma in an id is written %XX. RESTART is permanent,
// transient or temporary. KIND, without which the child is a worker, is one of
//
//	supervisor STRATEGY INTENSITY [auto=...]
//	keyed INTENSITY max=N                    at most N members, 0 for no bound
//	replicas INTENSITY count=N               at most 100,000
//
// The words of a set end with "each RESTART [WORD...]", which describes its members.
// A WORD is an option of the child as in [sup.ChildSpec]:
//
//	significant  shutdown=TIME|infinity|brutal  timeout=TIME
//	backoff=MIN..MAX  factor=F  reset=TIME  budget=N/TIME  stuck=abandon|escalate
//
// or a fault of a worker:
//
//	fail=FROM..TO:error|panic|goexit  these starts fail, counted from 1
//	hang=FROM..TO                     these starts last until they are cancelled
//	slow=TIME  stop=TIME              how long a start or a stop takes
//	deaf                              the worker stops only when it is released
//	badly                             the worker returns an error of its own then
//
// The commands are
//
//	start                   starts the root
//	stop                    shuts the root down
//	die PATH HOW            ends a worker: normal, shutdown, panic, goexit, canceled,
//	                        or the text of an error
//	terminate PATH          an operator's call, like restart, delete and remove
//	add PATH RESTART ...    adds a child at run time, in the words of a child line
//	below PATH RESTART ...  follows an add: a child below the supervisor that it adds
//	release                 lets the workers go that are deaf
//	pass TIME               lets virtual time pass
//
// An EVENT is start, init (of a start that takes time), init_fail, init_cancel, die,
// stop_begin, stop, stuck or quarantine with a path, or supervisor_exit. A STATE is up
// or down. Lines that begin with '#' are comments.
package replay
