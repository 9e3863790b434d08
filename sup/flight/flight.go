// Package flight takes the flight record of a tree: its last events and a snapshot,
// in a file that needs no explanation.
//
// Every supervisor records its last events ([sup.Spec.Record]) all the time, so that
// what led to an incident can be read after it. [Take] and [Dump] need a
// [sup.Inspector] only: that of a tree in this process, or of one that is reached over
// a network.
//
//	f, err := os.Create("incident.jsonl")
//	err = flight.Dump(ctx, f, sup.Inspect(tree), "")
//
// Any tool for JSON lines can show the file. [Read] reads it, and package replay makes
// it a test.
//
// # The format
//
// Each line is a JSON object:
//
//  1. the header, {"flight":1,"taken":TIME,"complete":BOOL}. The number is the version
//     of the format. A complete record has all events since the start of the tree.
//  2. {"tree":SNAPSHOT}, a [sup.SupervisorInfo] as encoding/json writes it:
//     strategies, intensities, policies, states, last exits.
//  3. {"event":EVENT} for each recorded event, in the order of their numbers. An event
//     has the fields seq, time, kind, path, id, incarnation, exit, error, delay,
//     because and stack, of which those without a value are left out. The stack may be
//     that of a panic.
//  4. {"end":N}, the number of events. Without it the file is incomplete.
//
// Times are RFC 3339 with nanoseconds in the time zone of the recorded machine, and
// durations have the form "1.5s". An error is its text. Characters that control a
// terminal are escaped, as in \u001b.
package flight

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// Version is the version of the format that is written, and the only one that is read.
const Version = 1

// A Record is a snapshot of a tree, or of a part of it, with its last events.
type Record struct {
	// Taken is the time of the snapshot.
	Taken time.Time
	// Complete reports that Events has all events since the start of the tree.
	Complete bool
	// Tree is the snapshot.
	Tree sup.SupervisorInfo
	// Events are in the order of their numbers. Their Stack may be that of a panic.
	Events []sup.Event
}

// Take takes the record of the supervisor at a path and of everything below it: a
// snapshot, and at least the events that were recorded at that moment. The empty path
// is the supervisor that i inspects. ctx bounds the time that Take takes.
//
// The error wraps that of the inspector, or the cause of ctx. With an error there is no
// record, not even a part of one.
func Take(ctx context.Context, i sup.Inspector, path string) (*Record, error) {
	if i == nil {
		return nil, errors.New("nil Inspector, want sup.Inspect of a tree")
	}
	tree, err := i.Snapshot(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("taking a snapshot: %w", err)
	}
	r := &Record{Taken: time.Now(), Complete: true, Tree: tree}
	last := lastEvent(tree)
	if last == 0 {
		return r, nil
	}
	read, cancel := context.WithCancel(ctx)
	defer cancel()
	for e, err := range i.Events(read, path, 0) {
		switch {
		case errors.Is(err, sup.ErrSkipped):
			r.Complete = false
			continue
		case err != nil:
			return nil, fmt.Errorf("reading events: %w", err)
		}
		if e.Stack == "" && (e.Kind == sup.ChildExited || e.Kind == sup.ChildStuck || e.Kind == sup.ObserverPanicked) { // other events repeat the exit
			e.Stack = stackOf(e.Exit.Err)
		}
		r.Events = append(r.Events, e)
		if e.Seq >= last {
			return r, nil
		}
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("reading events: %w", context.Cause(ctx))
	}
	return r, nil // the supervisor has ended and has no more events
}

// Dump takes a record as [Take] does and writes it to w.
func Dump(ctx context.Context, w io.Writer, i sup.Inspector, path string) error {
	r, err := Take(ctx, i, path)
	if err != nil {
		return err
	}
	_, err = r.WriteTo(w)
	return err
}

// lastEvent returns the highest number of a recorded event, 0 if there is none.
func lastEvent(s sup.SupervisorInfo) uint64 {
	last := s.LastEvent
	for _, c := range s.Children {
		if c.Supervisor != nil {
			last = max(last, lastEvent(*c.Supervisor))
		}
	}
	return last
}

// stackOf returns the stack that an error carries, or "". The error is the program's,
// and its methods may panic.
func stackOf(err error) (stack string) {
	defer func() { _ = recover() }()
	if e, ok := errors.AsType[*sup.PanicError](err); ok {
		return e.Stack
	}
	if e, ok := errors.AsType[*sup.UnhealthyError](err); ok {
		return e.Stack
	}
	if e, ok := errors.AsType[*sup.StuckError](err); ok && len(e.Children) > 0 {
		return e.Children[0].Stack
	}
	return ""
}
