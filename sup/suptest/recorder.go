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

// A Recorder is a [sup.Observer] that keeps the events of a tree, and compares
// them with what a test expects. The zero Recorder is ready to use: put it
// among the Observers of a spec.
//
// Each expectation takes events off the front of what has been recorded: it
// begins behind the last event that the one before it has taken.
type Recorder struct {
	mu     sync.Mutex
	events []sup.Event
	taken  int
	news   chan struct{} // made by who waits for the next event
}

// Observe implements [sup.Observer].
func (r *Recorder) Observe(e sup.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, e)
	if r.news != nil {
		close(r.news)
		r.news = nil
	}
}

// Events returns all events so far, whether an expectation has taken them or
// not.
func (r *Recorder) Events() []sup.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events)
}

// Lines returns all events so far, as [Line] writes them.
func (r *Recorder) Lines() []string {
	events := r.Events()
	lines := make([]string, len(events))
	for i, e := range events {
		lines[i] = Line(e)
	}
	return lines
}

// Expect fails the test unless events that fit the lines come in this order;
// others may come in between, and are taken too. It lets virtual time pass
// until they have come, ten minutes at most.
func (r *Recorder) Expect(t testing.TB, want ...string) {
	t.Helper()
	missing := want
	r.await(t, want, func(e sup.Event) (fit bool) {
		if len(missing) > 0 && lineFits(missing[0], e) {
			missing = missing[1:]
			return true
		}
		return false
	}, func() []string { return missing[:min(1, len(missing))] })
}

// ExpectAnyOrder is [Recorder.Expect] for events whose order is not fixed, such
// as those of children that stop at once. A line takes the first event that it
// fits.
func (r *Recorder) ExpectAnyOrder(t testing.TB, want ...string) {
	t.Helper()
	missing := slices.Clone(want)
	r.await(t, want, func(e sup.Event) (fit bool) {
		i := slices.IndexFunc(missing, func(line string) bool { return lineFits(line, e) })
		if i < 0 {
			return false
		}
		missing = slices.Delete(missing, i, i+1)
		return true
	}, func() []string { return missing })
}

// ExpectExactly fails the test unless what has happened by now, and no other
// expectation has taken, is precisely this. Without lines it expects that
// nothing has. It lets no time pass.
func (r *Recorder) ExpectExactly(t testing.TB, want ...string) {
	t.Helper()
	checkLines(t, want)
	settle(t)
	r.mu.Lock()
	got := r.events[r.taken:]
	r.taken = len(r.events)
	r.mu.Unlock()
	if diff := diffLines(want, got); diff != "" {
		t.Fatalf("suptest: not the events expected (- expected, + come):\n%s", diff)
	}
}

// await takes events until none of the lines is missing.
func (r *Recorder) await(t testing.TB, want []string, take func(sup.Event) (fit bool), missing func() []string) {
	t.Helper()
	checkLines(t, want)
	settle(t)
	timer := time.NewTimer(patience)
	defer timer.Stop()
	var seen strings.Builder
	for len(missing()) > 0 {
		e, news := r.next()
		if news != nil {
			select {
			case <-news:
			case <-timer.C:
				t.Fatalf("suptest: expected, and not come in ten minutes:\n\t%s\ncome (* as expected):\n%s",
					strings.Join(missing(), "\n\t"), seen.String())
			}
			continue
		}
		mark := ' '
		if take(e) {
			mark = '*'
		}
		fmt.Fprintf(&seen, "      %c %s\n", mark, shownLine(e))
	}
	settle(t)
}

// next takes the next event, or returns a channel that is closed when there is
// one.
func (r *Recorder) next() (e sup.Event, news <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken < len(r.events) {
		e = r.events[r.taken]
		r.taken++
		return e, nil
	}
	if r.news == nil {
		r.news = make(chan struct{})
	}
	return e, r.news
}
