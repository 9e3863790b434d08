package debug

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
)

// A journal collects the events of a tree between two messages of a stream, so that
// none is lost while a message is being written.
type journal struct {
	tree sup.Inspector
	wake chan struct{} // holds a token if there may be something to take

	mu      sync.Mutex // guards the fields below
	last    uint64     // highest Seq so far
	events  []sup.Event
	skipped bool
	gap     bool  // set after ErrSkipped until the next event
	renewed bool  // set if Seq started again, since a remote program was restarted
	err     error // why there is no stream of events at the moment
}

const (
	// maxEvents is the maximum number of events in a message. If there are more, the
	// oldest are skipped.
	maxEvents = 1000
	// retryInterval is the time until a stream of events that ended is opened again.
	// It ends with the tree, or if the tree cannot be reached.
	retryInterval = time.Second
)

func newJournal(tree sup.Inspector, after uint64) *journal {
	return &journal{tree: tree, last: after, wake: make(chan struct{}, 1)}
}

// follow collects events until ctx ends.
func (j *journal) follow(ctx context.Context) {
	retry := time.NewTicker(retryInterval)
	defer retry.Stop()
	for ctx.Err() == nil {
		err := catchPanic(func() { // a panic in this goroutine would end the program
			for e, err := range j.tree.Events(ctx, "", j.after()) {
				j.add(e, err)
			}
		})
		if err != nil {
			j.add(sup.Event{}, err)
		}
		select {
		case <-ctx.Done():
		case <-retry.C:
		}
	}
}

func (j *journal) after() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

func (j *journal) add(e sup.Event, err error) {
	j.mu.Lock()
	switch {
	case errors.Is(err, sup.ErrSkipped):
		j.skipped, j.gap = true, true
	case err != nil:
		j.err = err
	default:
		if j.gap && e.Seq <= j.last {
			j.renewed, j.last, j.events = true, 0, nil
		}
		j.gap, j.err = false, nil
		j.last = max(j.last, e.Seq)
		if len(j.events) == 2*maxEvents {
			j.events = j.events[:copy(j.events, j.events[maxEvents:])]
			j.skipped = true
		}
		j.events = append(j.events, e)
	}
	j.mu.Unlock()
	select {
	case j.wake <- struct{}{}:
	default: // there is a token already
	}
}

// A batch is what a journal has collected since the last call of take.
type batch struct {
	events  []sup.Event
	skipped bool
	renewed bool
	err     error
	last    uint64
}

func (j *journal) take() batch {
	j.mu.Lock()
	defer j.mu.Unlock()
	b := batch{j.events, j.skipped, j.renewed, j.err, j.last}
	if over := len(b.events) - maxEvents; over > 0 {
		b.events, b.skipped = b.events[over:], true
	}
	j.events, j.skipped, j.renewed, j.err = nil, false, false, nil
	return b
}

// An entry is an event as the page shows it.
type entry struct {
	Seq         uint64 `json:"seq"`
	Time        int64  `json:"time"` // in ms since 1970
	Kind        string `json:"kind"`
	Path        string `json:"path"`
	Incarnation int    `json:"incarnation,omitempty"`
	Bad         bool   `json:"bad,omitempty"` // a failure
	Exit        string `json:"exit,omitempty"`
	Error       string `json:"error,omitempty"`
	Delay       int64  `json:"delay,omitempty"` // in ms
	Exhausted   bool   `json:"exhausted,omitempty"`
	Because     string `json:"because,omitempty"`
	Stack       string `json:"stack,omitempty"`
}

func entriesOf(events []sup.Event) []entry {
	entries := make([]entry, len(events))
	for i, e := range events {
		entries[i] = entry{
			Seq: e.Seq, Time: e.Time.UnixMilli(), Kind: e.Kind.String(), Path: e.Path, Incarnation: e.Incarnation,
			Delay: e.Delay.Milliseconds(), Exhausted: e.HostExhausted, Because: e.Because, Stack: clip(eventStack(e), maxStack),
		}
		entries[i].Bad = e.Kind != sup.ChildRestarting && e.Level() >= slog.LevelWarn
		if e.Exit.Kind != sup.ExitNone {
			entries[i].Exit, entries[i].Error = e.Exit.Kind.String(), exitText(e.Exit)
		}
	}
	return entries
}

// eventStack returns the stack of an event. The events that follow an exit carry
// its error too, and have no stack, so that the page shows it once.
func eventStack(e sup.Event) (stack string) {
	stack = e.Stack
	if e.Kind != sup.ChildExited {
		return stack
	}
	_ = catchPanic(func() { // AsType calls methods of the program's error
		if panicked, ok := errors.AsType[*sup.PanicError](e.Exit.Err); ok {
			stack = panicked.Stack
		} else if unhealthy, ok := errors.AsType[*sup.UnhealthyError](e.Exit.Err); ok {
			stack = unhealthy.Stack
		}
	})
	return stack
}

// inspectorError returns the text of an error of an inspector.
func inspectorError(err error) string {
	return clip(termtext.Text(fmt.Sprint(err)), maxError) // Sprint survives an Error method that panics
}
