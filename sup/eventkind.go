package sup

import "log/slog"

// EventKind says what happened.
type EventKind uint8

const (
	_ EventKind = iota
	// ChildStarting means that an incarnation begins.
	ChildStarting
	// ChildReady means that Initialize has returned nil and Run is called.
	ChildReady
	// ChildStopping means that an incarnation was asked to stop, is unhealthy, was not
	// ready in time, or has a goroutine that failed.
	ChildStopping
	// ChildStuck means that an incarnation has not stopped within its time. Stack
	// holds the stacks of its goroutines.
	ChildStuck
	// ChildExited means that an incarnation has ended. Exit says how.
	ChildExited
	// ChildRestarting means that the child will be started again, after Delay or with
	// its round.
	ChildRestarting
	// ChildStopped means that the child is declared and down, and stays so until an
	// operator or a round starts it.
	ChildStopped
	// ChildQuarantined means that the child is down because its own budget is used up.
	ChildQuarantined
	// ChildRemoved means that the child is no longer declared.
	ChildRemoved
	// SupervisorStarted means that all children are ready.
	SupervisorStarted
	// SupervisorFailed means that the supervisor ends because of the failure in Exit.
	SupervisorFailed
	// SupervisorStopped means that the supervisor and all its children have stopped.
	//
	// Exit says why. After a failure it is the failure. It is an [ExitNormal] after an
	// auto-shutdown. Otherwise it is an [ExitShutdown] with the request to stop: a call
	// of Shutdown, the end of the context, or the parent.
	SupervisorStopped
	// ObserverPanicked means that an observer panicked, or called runtime.Goexit, when
	// it was given an earlier event. Exit holds the panic.
	ObserverPanicked
)

// eventKinds is the table of the kinds, in the order of the constants. What must know all
// kinds reads it: names, levels of the log, package suptest, the page and supctl. Tests
// compare it with the switches of packages replay and otelsup.
var eventKinds = [...]eventKind{
	ChildStarting:     {"child starting", slog.LevelDebug, nil},
	ChildReady:        {"child ready", slog.LevelInfo, nil},
	ChildStopping:     {"child stopping", slog.LevelDebug, levelOfRound},
	ChildStuck:        {"child stuck", slog.LevelError, nil},
	ChildExited:       {"child exited", slog.LevelDebug, levelOfExit},
	ChildRestarting:   {"child restarting", slog.LevelDebug, levelOfRound},
	ChildStopped:      {"child stopped", slog.LevelInfo, nil},
	ChildQuarantined:  {"child quarantined", slog.LevelError, nil},
	ChildRemoved:      {"child removed", slog.LevelDebug, nil},
	SupervisorStarted: {"supervisor started", slog.LevelInfo, nil},
	SupervisorFailed:  {"supervisor failed", slog.LevelError, nil},
	SupervisorStopped: {"supervisor stopped", slog.LevelInfo, nil},
	ObserverPanicked:  {"observer panicked", slog.LevelError, nil},
}

// eventKind is a row of the table.
type eventKind struct {
	name  string
	level slog.Level
	lift  func(Event) slog.Level // the level of an event that may have a higher one; nil if none may
}

// kindNames are the names of all kinds, with that of the zero value.
var kindNames = func() []string {
	names := make([]string, len(eventKinds))
	for k, row := range eventKinds {
		names[k] = row.name
	}
	names[0] = "none"
	return names
}()

// EventKinds returns all kinds of events, in the order of the constants. A later version
// may have more.
func EventKinds() []EventKind {
	kinds := make([]EventKind, 0, len(eventKinds)-1)
	for k := EventKind(1); int(k) < len(eventKinds); k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

// String returns the kind in words, such as "child starting".
func (k EventKind) String() string { return nameOf(k, kindNames) }

// Level returns how important the event is: the level at which [Log] writes it.
//
// The levels are
//
//   - Error if a supervisor failed, a child is stuck or quarantined, or an observer
//     panicked;
//   - Warn for an abnormal exit, and for a restart that waits because the host has run out
//     of a resource;
//   - Info if a child is ready or stopped, if a supervisor has started or stopped, if a
//     restart is delayed, and if a round stops or restarts a child because of another;
//   - Debug for all other events.
func (e Event) Level() slog.Level {
	if int(e.Kind) >= len(eventKinds) {
		return slog.LevelDebug
	}
	row := eventKinds[e.Kind]
	if row.lift == nil {
		return row.level
	}
	return max(row.level, row.lift(e))
}

func levelOfExit(e Event) slog.Level {
	if e.Exit.Kind == ExitAbnormal {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

func levelOfRound(e Event) slog.Level {
	switch {
	case e.HostExhausted:
		return slog.LevelWarn
	case e.Delay > 0 || e.Because != "":
		return slog.LevelInfo
	}
	return slog.LevelDebug
}
