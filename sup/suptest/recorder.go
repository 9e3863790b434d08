package suptest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A Recorder is a [sup.Observer] that records the events of a tree and compares them
// with expectations. The zero Recorder is ready to use; put it among the Observers
// of a spec. All methods are safe for concurrent use.
//
// Each expectation takes events from the front of the record. It begins after the
// last event that the expectation before it has taken.
type Recorder struct {
	mu      sync.Mutex
	events  []sup.Event
	taken   int           // events that expectations have taken
	arrival chan struct{} // closed by the next event; nil if nothing waits for it
}

// Observe implements [sup.Observer].
func (r *Recorder) Observe(e sup.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	if r.arrival != nil {
		close(r.arrival)
		r.arrival = nil
	}
}

// Events returns a copy of all events so far, taken or not.
func (r *Recorder) Events() []sup.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// Lines returns the [Line] of each event so far, taken or not.
func (r *Recorder) Lines() []string {
	events := r.Events()
	lines := make([]string, len(events))
	for i, e := range events {
		lines[i] = Line(e)
	}
	return lines
}

// Expect fails the test unless events that match the lines come in this order. It
// takes other events that come in between as well. It lets up to ten minutes of
// virtual time pass until the events have come.
func (r *Recorder) Expect(t testing.TB, want ...string) {
	t.Helper()
	missing := want
	r.await(t, want, func(e sup.Event) (matching bool) {
		if len(missing) > 0 && lineMatches(missing[0], e) {
			missing = missing[1:]
			return true
		}
		return false
	}, func() []string { return missing[:min(1, len(missing))] })
}

// ExpectAnyOrder is [Recorder.Expect] for events whose order is not fixed, such as
// those of children that stop concurrently. An event is matched to the first line
// that it fits and that no other event was matched to.
func (r *Recorder) ExpectAnyOrder(t testing.TB, want ...string) {
	t.Helper()
	missing := slices.Clone(want)
	r.await(t, want, func(e sup.Event) (matching bool) {
		i := slices.IndexFunc(missing, func(line string) bool { return lineMatches(line, e) })
		if i < 0 {
			return false
		}
		missing = slices.Delete(missing, i, i+1)
		return true
	}, func() []string { return missing })
}

// ExpectExactly fails the test unless the events that have happened so far, without
// those taken before, are exactly these. Without lines it expects no event. It lets
// no time pass.
func (r *Recorder) ExpectExactly(t testing.TB, want ...string) {
	t.Helper()
	checkLines(t, want)
	Settle(t)
	r.mu.Lock()
	got := r.events[r.taken:]
	r.taken = len(r.events)
	r.mu.Unlock()
	if diff := diffLines(want, got); diff != "" {
		t.Fatalf("unexpected events (-want +got):\n%s", diff)
	}
}

// await takes events until no line is missing.
func (r *Recorder) await(t testing.TB, want []string, take func(sup.Event) (matching bool), missing func() []string) {
	t.Helper()
	checkLines(t, want)
	Settle(t)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	var got []takenEvent
	for len(missing()) > 0 {
		e, arrival := r.next()
		if arrival != nil {
			select {
			case <-arrival:
			case <-timer.C:
				t.Fatal(notObserved(missing(), got))
			}
			continue
		}
		got = append(got, takenEvent{e, take(e)})
	}
	Settle(t)
}

// next takes the next event, or returns a channel that is closed when there is one.
func (r *Recorder) next() (e sup.Event, arrival <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken < len(r.events) {
		e = r.events[r.taken]
		r.taken++
		return e, nil
	}
	if r.arrival == nil {
		r.arrival = make(chan struct{})
	}
	return e, r.arrival
}

// takenEvent is an event that an expectation has taken.
type takenEvent struct {
	sup.Event
	matching bool // a line of the expectation
}

// notObserved reports the lines that no event matches. Of the events that came it
// shows the last ones, and before them those that differ from a line in a detail
// only, since among hundreds of events these are the ones to read.
func notObserved(missing []string, got []takenEvent) string {
	const most = 20
	var b strings.Builder
	fmt.Fprintf(&b, "expected within ten minutes of virtual time:\n\t%s\n", strings.Join(missing, "\n\t"))
	shown := got[max(0, len(got)-most):]
	write := func(e takenEvent) {
		mark := ' '
		if e.matching {
			mark = '*'
		}
		fmt.Fprintf(&b, "      %c %s\n", mark, printable(e.Event))
	}
	if earlier := got[:len(got)-len(shown)]; len(earlier) > 0 {
		near := slices.DeleteFunc(slices.Clone(earlier), func(e takenEvent) bool {
			return !slices.ContainsFunc(missing, func(line string) bool { return lineNears(line, e.Event) })
		})
		if len(near) > 0 {
			fmt.Fprintf(&b, "got something similar:\n")
			for _, e := range near[max(0, len(near)-most/2):] {
				write(e)
			}
		}
		fmt.Fprintf(&b, "got %d events (* as expected), of which the last are:\n", len(got))
	} else {
		b.WriteString("got (* as expected):\n")
	}
	for _, e := range shown {
		write(e)
	}
	return b.String()
}
