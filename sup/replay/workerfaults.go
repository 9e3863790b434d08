package replay

import (
	"slices"
	"time"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/espalier-go/espalier/sup"
)

// How a worker behaved shows in the time that its starts and stops took, and in the
// starts that failed.

// declareFaults declares the faults of each worker.
func (b *builder) declareFaults() {
	for _, path := range b.paths {
		c := b.find(path)
		if c == nil || c.Kind != scenario.Worker || b.added[path] != nil {
			continue // those of an added child are declared where the child is added
		}
		up := b.find(scenario.Parent(path))
		if !up.IsSet() {
			c.Faults = b.faultsOf(path)
			continue
		}
		if faults := b.faultsOf(path).String(); up.Kind == scenario.Replicas && faults != "" {
			b.comment("%s behaved so: %s; the format has no words for one of several replicas.", path, faults)
		}
	}
}

// faultsOf returns the faults of the worker at a path.
func (b *builder) faultsOf(path string) (f scenario.WorkerFaults) {
	var starts, stops []time.Duration // of those that took time
	var starting, stopping time.Time  // since when; zero if it is not
	prompt, attempt := 0, 0
	events := b.eventsOfChild(path)
	for n, i := range events {
		e := b.record.Events[i]
		if n == 0 && (e.Kind != sup.ChildStarting || b.startedBefore(i)) {
			attempt++ // the first start, with which the scenario begins, is not recorded
		}
		switch e.Kind {
		case sup.ChildStarting:
			attempt++
			starting, stopping = e.Time, time.Time{}
		case sup.ChildReady:
			if took := e.Time.Sub(starting); !starting.IsZero() && took >= resolution {
				starts = append(starts, took)
			} else {
				prompt++
			}
			starting = time.Time{}
		case sup.ChildStopping:
			stopping = e.Time
		case sup.ChildStuck:
			f.IgnoresStop = true // unless it exits after all
		case sup.ChildExited:
			switch {
			case !starting.IsZero() && (stopping.IsZero() || e.Exit.Kind == sup.ExitAbnormal):
				addFailedStart(&f, attempt, e.Exit)
			case !stopping.IsZero() && b.failedAlone(events[n-1:]):
			case !stopping.IsZero() && !(f.IgnoresStop && wraps(e.Exit.Err, sup.ErrStuck)):
				f.IgnoresStop = false
				f.Badly = f.Badly || e.Exit.Kind == sup.ExitAbnormal
				if took := e.Time.Sub(stopping); took >= resolution {
					stops = append(stops, took)
				}
			}
			starting, stopping = time.Time{}, time.Time{}
		}
	}
	f.Slow = b.shortest(path, "start", starts)
	if prompt > 0 && f.Slow > 0 {
		b.comment("%s was slow to start %d times of %d; here never.", path, len(starts), len(starts)+prompt)
		f.Slow = 0
	}
	if f.Stop = b.shortest(path, "stop", stops); f.IgnoresStop {
		f.Stop = 0
	}
	return f
}

// eventsOfChild returns the indices of the events of a child, without those of the
// supervisor that it may be.
func (b *builder) eventsOfChild(path string) (events []int) {
	for _, i := range b.events[path] {
		if b.record.Events[i].ID != "" {
			events = append(events, i)
		}
	}
	return events
}

// startedBefore reports that a start is not the first of its child: the child, or a
// supervisor above it, had another incarnation before.
func (b *builder) startedBefore(i int) bool {
	e := b.record.Events[i]
	if e.Incarnation > 1 {
		return true
	}
	up := scenario.Parent(b.below(e.Path))
	if up == "" {
		return false
	}
	before, _ := slices.BinarySearch(b.events[up], i)
	for _, i := range slices.Backward(b.events[up][:before]) {
		if b.record.Events[i].Kind == sup.ChildStarting {
			return b.startedBefore(i)
		}
	}
	return false
}

// failedAlone reports that the next events of a child show a failure of its own, such
// as one that its watchdog found, and not a stop for another reason. Such a child is
// restarted or quarantined.
func (b *builder) failedAlone(events []int) bool {
	if len(events) < 3 {
		return false
	}
	stopping, exited, then := b.record.Events[events[0]], b.record.Events[events[1]], b.record.Events[events[2]]
	return stopping.Kind == sup.ChildStopping && stopping.Because == "" && exited.Exit.Kind == sup.ExitAbnormal &&
		(then.Kind == sup.ChildRestarting || then.Kind == sup.ChildQuarantined)
}

// addFailedStart adds an attempt to start that ended with exit.
func addFailedStart(f *scenario.WorkerFaults, attempt int, exit sup.Exit) {
	one := scenario.Attempts{From: attempt, To: attempt}
	if wraps(exit.Err, sup.ErrStartTimeout) || hasText(exit.Err, "not ready within ") { // StartTimeoutError
		if n := len(f.Hang); n > 0 && f.Hang[n-1].To == attempt-1 {
			f.Hang[n-1].To++
			return
		}
		f.Hang = append(f.Hang, one)
		return
	}
	how := howExited(exit)
	if how != "panic" && how != "goexit" {
		how = "error"
	}
	if n := len(f.Fail); n > 0 && f.Fail[n-1].How == how && f.Fail[n-1].To == attempt-1 {
		f.Fail[n-1].To++
		return
	}
	f.Fail = append(f.Fail, scenario.FailedStarts{Attempts: one, How: how})
}

// shortest returns the shortest of several times, with a comment if they differ.
func (b *builder) shortest(path, what string, took []time.Duration) time.Duration {
	if len(took) == 0 {
		return 0
	}
	least, most := slices.Min(took).Round(time.Millisecond), slices.Max(took).Round(time.Millisecond)
	if most-least >= max(resolution, least/4) {
		b.comment("%s took %v to %v to %s; here always %v.", path, least, most, what, least)
	}
	return least
}
