package suptest

import (
	"fmt"
	"slices"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// How workers behaved in the past is told by what it took them to start and to
// stop, and by the starts that failed.

// misbehave declares how each worker behaved.
func (b *builder) misbehave() {
	for _, path := range b.paths {
		d := b.sc.root.find(path)
		if d == nil || d.kind != aWorker {
			continue
		}
		if up := b.sc.root.find(upOf(path)); up.set() {
			if faults := b.misdeedsOf(path); up.kind == aReplicas && faults.words() != "" {
				b.note("%s behaved so: %s; the format says that of all of them or of none.", path, faults.words())
			}
			continue // of a key it is said where the key is added
		}
		d.faults = b.misdeedsOf(path)
	}
}

func (m misdeeds) words() string {
	text := (&declared{faults: m}).words()
	return text[min(len(text), len(sup.Permanent.String()+" ")):]
}

// misdeedsOf reads how the worker at a path behaved.
func (b *builder) misdeedsOf(path string) (m misdeeds) {
	var starts, stops []time.Duration
	var began, told time.Time // zero if it is not starting, or stopping
	prompt, attempt := 0, 0
	course := b.courseOf(path)
	for n, i := range course {
		e := b.record.Events[i]
		if n == 0 && (e.Kind != sup.ChildStarting || b.startedBefore(i)) {
			attempt++ // the first, with which the scenario begins, is not on record
		}
		switch e.Kind {
		case sup.ChildStarting:
			attempt++
			began, told = e.Time, time.Time{}
		case sup.ChildReady:
			if took := e.Time.Sub(began); !began.IsZero() && took >= grain {
				starts = append(starts, took)
			} else {
				prompt++
			}
			began = time.Time{}
		case sup.ChildStopping:
			told = e.Time
		case sup.ChildStuck:
			m.deaf = true // unless it ends after all
		case sup.ChildExited:
			switch {
			case !began.IsZero() && (told.IsZero() || e.Exit.Kind == sup.ExitAbnormal):
				m.failed(attempt, e.Exit)
			case !told.IsZero() && b.failedBySelf(course[n-1:]):
			case !told.IsZero() && !(m.deaf && says(e.Exit.Err, sup.ErrStuck)):
				m.deaf = false
				m.badly = m.badly || e.Exit.Kind == sup.ExitAbnormal
				if took := e.Time.Sub(told); took >= grain {
					stops = append(stops, took)
				}
			}
			began, told = time.Time{}, time.Time{}
		}
	}
	m.slow = b.oneOf(path, "start", starts)
	if prompt > 0 && m.slow > 0 {
		b.note("%s was slow to start %d times of %d; here never.", path, len(starts), len(starts)+prompt)
		m.slow = 0
	}
	if m.stop = b.oneOf(path, "stop", stops); m.deaf {
		m.stop = 0
	}
	return m
}

// courseOf returns which events are those of the child at a path.
func (b *builder) courseOf(path string) (course []int) {
	for _, i := range b.events[path] {
		if b.record.Events[i].ID != "" {
			course = append(course, i)
		}
	}
	return course
}

// startedBefore reports that the start with an event is not the child's first: the
// child has had another incarnation, or what is above it has.
func (b *builder) startedBefore(i int) bool {
	e := b.record.Events[i]
	if e.Incarnation > 1 {
		return true
	}
	up := upOf(b.below(e.Path))
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

// failedBySelf reports of the events of a child, from one that may tell of its stop
// on, that it was stopped because it had failed, by its watchdog say, and not for
// somebody else's sake: then it is started again, or quarantined.
func (b *builder) failedBySelf(course []int) bool {
	if len(course) < 3 {
		return false
	}
	stopping, exited, then := b.record.Events[course[0]], b.record.Events[course[1]], b.record.Events[course[2]]
	return stopping.Kind == sup.ChildStopping && stopping.Because == "" && exited.Exit.Kind == sup.ExitAbnormal &&
		(then.Kind == sup.ChildRestarting || then.Kind == sup.ChildQuarantined)
}

// failed notes an attempt to start that failed.
func (m *misdeeds) failed(attempt int, exit sup.Exit) {
	if says(exit.Err, sup.ErrStartTimeout) || startTimedOut(exit.Err) {
		if n := len(m.hang); n > 0 && m.hang[n-1].to == attempt-1 {
			m.hang[n-1].to++
			return
		}
		m.hang = append(m.hang, attempts{attempt, attempt})
		return
	}
	how := howOf(exit)
	if how != "panic" && how != "goexit" {
		how = "error"
	}
	if n := len(m.fails); n > 0 && m.fails[n-1].how == how && m.fails[n-1].to == attempt-1 {
		m.fails[n-1].to++
		return
	}
	m.fails = append(m.fails, failedStarts{attempts{attempt, attempt}, how})
}

// startTimedOut recognizes a [sup.StartTimeoutError] by its text.
func startTimedOut(err error) bool {
	if err == nil {
		return false
	}
	var after string
	_, scanned := fmt.Sscanf(err.Error(), "not ready within %s", &after)
	return scanned == nil
}

// oneOf makes one time of several, the shortest, and says so where they differ.
func (b *builder) oneOf(path, what string, took []time.Duration) time.Duration {
	if len(took) == 0 {
		return 0
	}
	least, most := slices.Min(took).Round(time.Millisecond), slices.Max(took).Round(time.Millisecond)
	if most-least >= max(grain, least/4) {
		b.note("%s took %v to %v to %s; here always %v.", path, least, most, what, least)
	}
	return least
}
