package sup

import (
	"cmp"
	"context"
	"iter"
	"slices"
	"strings"
	"time"
)

const (
	// DefaultRecord is how many events a supervisor keeps, unless its spec says
	// otherwise.
	DefaultRecord = 256
	// maxRecord bounds what a spec may ask for.
	maxRecord = 1 << 20
	// recentEvents is how many of them an [IntensityError] carries.
	recentEvents = 32
)

// A record keeps the last events of a supervisor, and of the lives below it
// that have ended: a ring that grows to its size, and then needs no memory. It
// holds what an event is made from, and not its text. It is in the order in
// which the events were put there; who reads it sorts them.
type record struct {
	ring []entry
	next int // the oldest, once the ring is full
	size int
	lost uint64 // the highest number of an event that it has let go
	last uint64 // the highest number of all
}

// An entry is one event on record: what it is made from, or, once the life that
// it belongs to has ended, the event.
type entry struct {
	seq     uint64
	at      time.Duration
	delay   time.Duration
	exit    Exit
	child   *child // nil if it is about the supervisor
	because *child
	event   *Event
	n       int32
	kind    EventKind
}

func newRecord(asked int, above *core) record {
	switch {
	case asked != 0:
		return record{size: max(asked, 0)}
	case above != nil:
		return record{size: above.record.size}
	}
	return record{size: DefaultRecord}
}

// slot returns where the next event goes, in place of the oldest if need be; nil
// if none is kept. To fill it in there costs a third of what copying an entry
// does, which runs the write barrier over all of it.
func (r *record) slot() *entry {
	switch {
	case len(r.ring) < r.size:
		r.ring = append(r.ring, entry{})
		return &r.ring[len(r.ring)-1]
	case r.size == 0:
		return nil
	}
	e := &r.ring[r.next]
	r.lost = max(r.lost, e.seq)
	if r.next++; r.next == r.size {
		r.next = 0
	}
	return e
}

// entries returns them all, in the order in which they were put there.
func (r *record) entries() []entry {
	return slices.Concat(r.ring[r.next:], r.ring[:r.next])
}

// merge takes over events of a life that has ended, oldest first.
func (r *record) merge(events []Event, lost uint64) {
	if over := len(events) - r.size; over > 0 {
		lost = max(lost, events[over-1].Seq)
		events = events[over:]
	}
	r.lost = max(r.lost, lost)
	for i := range events {
		r.last = max(r.last, events[i].Seq)
		*r.slot() = entry{seq: events[i].Seq, event: &events[i]}
	}
}

// event makes the event of an entry.
func (s *core) event(e *entry) Event {
	switch {
	case e.event != nil:
		return *e.event
	case e.child == nil:
		return Event{Kind: e.kind, Seq: e.seq, Time: s.born.Add(e.at), Path: s.path, Exit: e.exit}
	}
	id := e.child.slot.id()
	event := Event{
		Kind: e.kind, Seq: e.seq, Time: s.born.Add(e.at), Path: joinPath(s.path, id), ID: id,
		Incarnation: int(e.n), Exit: e.exit, Delay: e.delay,
	}
	if e.because != nil {
		event.Because = e.because.path()
	}
	return event
}

// recorded returns the events on record of this supervisor alone, and the
// number of the last one that is not any more.
func (s *core) recorded() ([]Event, uint64) {
	s.mu.Lock()
	entries, lost := s.record.entries(), s.record.lost
	s.mu.Unlock()
	events := make([]Event, len(entries))
	for i := range entries {
		events[i] = s.event(&entries[i])
	}
	return events, lost
}

// recentLocked returns the last events on record, for an error.
func (s *core) recentLocked() []Event {
	entries := s.record.entries()
	slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.seq, b.seq) })
	entries = entries[max(0, len(entries)-recentEvents):]
	events := make([]Event, len(entries))
	for i := range entries {
		events[i] = s.event(&entries[i])
	}
	return events
}

// bequeath hands the record of a life that has ended, and its counts, to the one
// above, where they are found when this one has been forgotten; or of a root, to
// its next life.
func (s *core) bequeath(heir *core) {
	if heir == nil {
		return
	}
	events, lost := s.recorded()
	events = inOrder(events)
	past := s.wholePast()
	heir.mu.Lock()
	defer heir.mu.Unlock()
	heir.record.merge(events, lost)
	heir.past.inherit(s, past)
}

// recordedBelow collects the events on record of a supervisor and all below it.
func (s *core) recordedBelow() (events []Event, lost uint64) {
	events, lost = s.recorded()
	for _, n := range s.look().nested {
		below, lostBelow := n.life.recordedBelow()
		events, lost = append(events, below...), max(lost, lostBelow)
	}
	return events, lost
}

// Recorded returns the last events of the supervisor and everything below it,
// oldest first: of each supervisor that is up as many as [Spec.Record] says,
// those of what has ended below it among them. An event's Stack is not on
// record.
func (f *supervision) Recorded() []Event {
	events, _ := f.current().recordedBelow()
	return inOrder(events)
}

func inOrder(events []Event) []Event {
	slices.SortFunc(events, func(a, b Event) int { return cmp.Compare(a.Seq, b.Seq) })
	return slices.CompactFunc(events, func(a, b Event) bool { return a.Seq == b.Seq })
}

// eventBuffer is how many events may wait for the reader of a stream.
const eventBuffer = 1024

func (o operator) Events(ctx context.Context, path string, after uint64) iter.Seq2[Event, error] {
	ctx = given(ctx)
	return func(yield func(Event, error) bool) {
		if path == "" {
			path = o.face.current().path
		}
		within := func(e Event) bool {
			rest, below := strings.CutPrefix(e.Path, path)
			return below && (rest == "" || rest[0] == '/')
		}
		if _, err := o.child("watch", path); err != nil && path != o.face.current().path {
			yield(Event{}, err)
			return
		}
		// What happens from here on until the record has been read is told twice,
		// and so dropped once: it may come in another order there.
		known := o.face.current().events.pump.seq.Load()
		sub := o.face.Subscribe(eventBuffer)
		defer sub.Close()
		told := make(map[uint64]bool)
		last := uint64(0)
		if after != FromNow {
			last = after
			events, lost := o.face.current().recordedBelow()
			if lost > after && !yield(Event{}, &SkippedError{After: after}) {
				return
			}
			for _, e := range inOrder(events) {
				if e.Seq > known {
					told[e.Seq] = true
				}
				if e.Seq > after && within(e) {
					last = e.Seq
					if !yield(e, nil) {
						return
					}
				}
			}
		}
		dropped := uint64(0)
		for e := range sub.All(ctx) {
			if n := sub.Dropped(); n > dropped {
				dropped = n
				if !yield(Event{}, &SkippedError{After: last}) {
					return
				}
			}
			if told[e.Seq] || e.Seq <= after && after != FromNow || !within(e) {
				continue
			}
			last = e.Seq
			if !yield(e, nil) {
				return
			}
		}
	}
}
