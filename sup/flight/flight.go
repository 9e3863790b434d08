// Package flight reads the flight recorder of a tree.
//
// Every supervisor keeps its last events ([sup.Spec.Record]), always, whether
// anybody listens or not. This package takes them out, together with a snapshot
// of the tree, and writes them to a file that says by itself what it is; so what
// led to an incident is there after it, also when nobody was prepared. A
// [sup.Inspector] is all it needs: that of a tree in this process, or of one
// that is reached over a network.
//
//	f, err := os.Create("incident.jsonl")
//	err = flight.Dump(ctx, f, sup.Inspect(tree), "")
//
// What is in the file can be looked at with any tool that reads JSON lines, be
// read again with [Read], and be replayed as a test: see package suptest.
//
// # The format
//
// One JSON object a line:
//
//  1. the header: {"flight":1,"taken":TIME,"complete":BOOL}. The number is the
//     version of the format, and complete tells that the events reach back to the
//     start of the tree;
//  2. {"tree":SNAPSHOT}, a [sup.SupervisorInfo] as encoding/json writes it:
//     strategies, intensities, policies, states, last exits;
//  3. {"event":EVENT} for each event on record, in the order of their numbers.
//     Fields that do not apply are left out: seq, time, kind, path, id,
//     incarnation, exit, error, delay, because, stack. The stack is that of a
//     panic too;
//  4. {"end":N}, the number of events, without which the file was cut short.
//
// Times are RFC 3339 with nanoseconds, in the zone of the machine that they are
// from; durations are written as "1.5s". Of an error there is its text. What a terminal
// would obey is escaped, such as \u001b.
package flight

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/espalier-go/espalier/internal/prefix"
	"github.com/espalier-go/espalier/sup"
)

// Version is the version of the format that is written. Only that is read.
const Version = 1

// A Record is what was on record of a tree at a moment, or a part of a tree.
type Record struct {
	Taken    time.Time
	Complete bool // the events reach back to the start of the tree
	Tree     sup.SupervisorInfo
	Events   []sup.Event // in the order of their numbers; Stack is that of a panic too
}

// Take takes the record of the supervisor at a path and of everything below it:
// a snapshot, and then the events that were on record at that moment, at least.
// "" is the supervisor that is inspected. ctx bounds the time that it takes.
//
// The error is that of the inspector, or the cause of ctx: with one deadline for
// all, a tree that cannot be reached gives an error and no part of a record.
func Take(ctx context.Context, i sup.Inspector, path string) (*Record, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	if i == nil {
		return nil, errors.New("flight: no inspector: give sup.Inspect of a tree")
	}
	tree, err := i.Snapshot(ctx, path)
	if err != nil {
		return nil, &takeError{"taking a snapshot", err}
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
			return nil, &takeError{"reading events", err}
		}
		if e.Stack == "" && (e.Kind == sup.ChildExited || e.Kind == sup.ChildStuck || e.Kind == sup.ObserverPanicked) { // others repeat it
			e.Stack = stackOf(e.Exit.Err)
		}
		r.Events = append(r.Events, e)
		if e.Seq >= last {
			return r, nil
		}
	}
	if ctx.Err() != nil {
		return nil, &takeError{"reading events", context.Cause(ctx)}
	}
	return r, nil // the supervisor has ended, and this is all
}

// A takeError tells at what a record could not be taken.
type takeError struct {
	at  string
	err error
}

func (e *takeError) Error() string { return "flight: " + e.at + ": " + prefix.Cut(e.err) }
func (e *takeError) Unwrap() error { return e.err }

// Dump takes a record and writes it: see [Take].
func Dump(ctx context.Context, w io.Writer, i sup.Inspector, path string) error {
	r, err := Take(ctx, i, path)
	if err != nil {
		return err
	}
	_, err = r.WriteTo(w)
	return err
}

// lastEvent returns the highest number of an event on record.
func lastEvent(s sup.SupervisorInfo) uint64 {
	last := s.LastEvent
	for _, c := range s.Children {
		if c.Supervisor != nil {
			last = max(last, lastEvent(*c.Supervisor))
		}
	}
	return last
}

// stackOf returns the stack that comes with an error, whose methods may be the
// program's own, and panic.
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
