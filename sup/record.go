package sup

import (
	"cmp"
	"slices"
	"time"
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
	seq      uint64
	at       time.Duration
	delay    time.Duration
	err      error  // with exitKind, the exit
	child    *child // nil if it is about the supervisor
	because  *child
	event    *Event
	n        int
	kind     EventKind
	exitKind ExitKind
	lack     bool // see [Event.HostExhausted]
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

// merge takes over events of a life that has ended, and keeps of all those that
// came last.
func (r *record) merge(events []Event, lost uint64) {
	all := r.entries()
	for i := range events {
		all = append(all, entry{seq: events[i].Seq, event: new(events[i])})
	}
	slices.SortFunc(all, inSeq)
	over := max(0, len(all)-r.size)
	if over > 0 {
		lost = max(lost, all[over-1].seq)
	}
	r.lost = max(r.lost, lost)
	r.ring, r.next = append(r.ring[:0], all[over:]...), 0
	if n := len(r.ring); n > 0 {
		r.last = r.ring[n-1].seq
	}
}

func inSeq(a, b entry) int { return cmp.Compare(a.seq, b.seq) }

// event makes the event of an entry.
func (s *core) event(e *entry) Event {
	switch {
	case e.event != nil:
		return *e.event
	case e.child == nil:
		return Event{Kind: e.kind, Seq: e.seq, Time: s.born.Add(e.at), Path: s.path, Exit: Exit{e.exitKind, e.err}}
	}
	id := e.child.id()
	event := Event{
		Kind: e.kind, Seq: e.seq, Time: s.born.Add(e.at), Path: joinPath(s.path, id), ID: id,
		Incarnation: e.n, Exit: Exit{e.exitKind, e.err}, Delay: e.delay, HostExhausted: e.lack,
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
	slices.SortFunc(entries, inSeq)
	entries = entries[max(0, len(entries)-recentEvents):]
	events := make([]Event, len(entries))
	for i := range entries {
		events[i] = s.event(&entries[i])
		if earlier, is := events[i].Exit.Err.(*IntensityError); is { // or each would keep all before it
			bare := *earlier
			bare.Recent = nil
			events[i].Exit.Err = &bare
		}
	}
	return events
}

// bequeath hands the record of a life that has ended, and its counts, to the one
// above, where they are found when this one has been forgotten; or of a root, to
// its next life.
func (s *core) mergeIntoParent(heir *core) {
	if heir == nil {
		return
	}
	events, lost := s.recorded()
	past := s.takeUnlent(true)
	heir.mu.Lock()
	heir.record.merge(events, lost)
	heir.addRetiredLocked(s, past)
	gone := heir.retired.passedOn
	heir.mu.Unlock()
	if gone {
		heir.forwardRetired(s, past)
	}
}

// recordedAt returns the events of this moment on record that are about a path,
// or below it, in order: none that has a number below the last of them is
// missing, unless it has one of those that are lost.
func (s *core) recordedAt(path string) (events []Event, lost, moment uint64) {
	moment = s.events.last()
	// A life that ends meanwhile is read twice, there and above; but none is read
	// neither here nor there, since it is still there when its record is above.
	for _, life := range s.livesAt(path) {
		own, lostThere := life.recorded()
		events, lost = append(events, own...), max(lost, lostThere)
	}
	events = slices.DeleteFunc(events, func(e Event) bool { return e.Seq > moment || !isWithin(e.Path, path) })
	slices.SortFunc(events, func(a, b Event) int { return cmp.Compare(a.Seq, b.Seq) })
	return slices.CompactFunc(events, func(a, b Event) bool { return a.Seq == b.Seq }), lost, moment
}

// livesAt returns the lives that may have something on record about a path, or
// below it: those on the way there, and all beyond.
func (s *core) livesAt(path string) []*core {
	lives := []*core{s}
	for _, below := range s.nested() {
		if isWithin(below.path, path) || isWithin(path, below.path) {
			lives = append(lives, below.livesAt(path)...)
		}
	}
	return lives
}

//go:noinline
func (s *core) publishLocked(e *entry) uint64 {
	event := s.event(e)
	if e.kind == ChildStuck {
		event.Stack = e.child.stackText()
	}
	return s.events.emit(event)
}

// emitLocked puts an event of the supervisor on record, and passes it on.
func (s *core) emitLocked(kind EventKind, exit Exit) {
	s.recordEventLocked(nil, eventDraft{kind: kind, exit: exit}, s.now())
}

// noteLocked numbers an event of a child, or of the supervisor itself, and puts
// it on record. An Event is made of it only if somebody listens.
func (s *core) recordEventLocked(c *child, e eventDraft, now time.Duration) {
	to := s.record.slot()
	if to == nil { // nothing is kept; who asks for it is told that there is a gap
		if !s.events.listening() {
			s.record.lost = s.events.notifier.seq.Add(1)
			return
		}
		to = new(entry)
	}
	to.child, to.at, to.kind, to.delay, to.event = c, now, e.kind, e.delay, nil
	to.exitKind, to.err = e.exit.Kind, e.exit.Err
	to.because, to.lack = nil, false
	if c != nil {
		to.n = c.n
		to.lack = c.exhausted && e.kind == ChildRestarting && e.delay > 0
		if s.round.stopping {
			to.because = c.becauseLocked(e.kind)
		}
	}
	if s.events.listening() {
		to.seq = s.publishLocked(to)
	} else {
		to.seq = s.events.notifier.seq.Add(1)
	}
	if s.record.size > 0 {
		s.record.last = to.seq
	} else {
		s.record.lost = to.seq
	}
}
