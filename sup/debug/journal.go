package debug

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A journal takes the events of a tree as they come, so that none is lost while
// a message is being written, and keeps them until the next one is.
type journal struct {
	tree sup.Inspector
	wake chan struct{} // holds one token if there may be news

	mu      sync.Mutex // protects what follows
	last    uint64     // the highest number of an event that was taken
	events  []sup.Event
	skipped bool
	gap     bool  // the last thing told was that events were skipped
	anew    bool  // events are numbered anew: a program that is reached over a network was started again
	err     error // why there is no stream at the moment
}

const (
	// maxEvents is how many events one message holds; of more the oldest are
	// skipped.
	maxEvents = 1000
	// again is how long it takes until a stream that is over, since the tree has
	// ended or cannot be reached, is asked for again.
	again = time.Second
)

func newJournal(tree sup.Inspector, after uint64) *journal {
	return &journal{tree: tree, last: after, wake: make(chan struct{}, 1)}
}

// follow takes events until ctx ends.
func (j *journal) follow(ctx context.Context) {
	retry := time.NewTicker(again)
	defer retry.Stop()
	for ctx.Err() == nil {
		err := survive(func() { // an inspector of the program's own would end the program
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
			j.anew, j.last, j.events = true, 0, nil
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
	default: // it is awake already
	}
}

// news is what a journal has taken since it was asked last.
type news struct {
	events  []sup.Event
	skipped bool
	anew    bool
	err     error
	last    uint64
}

func (j *journal) take() news {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := news{j.events, j.skipped, j.anew, j.err, j.last}
	if over := len(n.events) - maxEvents; over > 0 {
		n.events, n.skipped = n.events[over:], true
	}
	j.events, j.skipped, j.anew, j.err = nil, false, false, nil
	return n
}

// A line is an event as the page shows it.
type line struct {
	Seq         uint64 `json:"seq"`
	Time        int64  `json:"time"` // in ms since 1970
	Kind        string `json:"kind"`
	Path        string `json:"path"`
	Incarnation int    `json:"incarnation,omitempty"`
	Exit        string `json:"exit,omitempty"`
	Error       string `json:"error,omitempty"`
	Delay       int64  `json:"delay,omitempty"` // in ms
	Because     string `json:"because,omitempty"`
	Stack       string `json:"stack,omitempty"`
}

func linesOf(events []sup.Event) []line {
	lines := make([]line, len(events))
	for i, e := range events {
		lines[i] = line{
			Seq: e.Seq, Time: e.Time.UnixMilli(), Kind: e.Kind.String(), Path: e.Path, Incarnation: e.Incarnation,
			Delay: e.Delay.Milliseconds(), Because: e.Because, Stack: clip(stackOf(e), maxStack),
		}
		if e.Exit.Kind != sup.ExitNone {
			lines[i].Exit, lines[i].Error = e.Exit.Kind.String(), textOf(e.Exit)
		}
	}
	return lines
}

// stackOf returns the stack that an event comes with. What follows from an exit
// carries that again, and there it would be told twice.
func stackOf(e sup.Event) (stack string) {
	stack = e.Stack
	if e.Kind != sup.ChildExited {
		return stack
	}
	_ = survive(func() { // the error has methods of the program's own
		if panicked, ok := errors.AsType[*sup.PanicError](e.Exit.Err); ok {
			stack = panicked.Stack
		} else if unhealthy, ok := errors.AsType[*sup.UnhealthyError](e.Exit.Err); ok {
			stack = unhealthy.Stack
		}
	})
	return stack
}
