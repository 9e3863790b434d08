package sup

import (
	"cmp"
	"slices"
	"time"
)

// A record keeps the last events of a supervisor, and of the lives below it that
// have ended. It is a ring that grows to its size, and then allocates nothing. It
// keeps what an event is made from, because most events are never read. Entries are
// in the order in which they were added; readers sort them by number.
type record struct {
	ring []entry
	next int    // the oldest entry, once the ring is full
	size int    // the length of a full ring; 0 if nothing is kept
	lost uint64 // the highest number of an event that is no longer kept
	last uint64 // the highest number of an event that was added
}

// An entry is one event on record: either what the event is made from, or, if its
// life has ended and was merged, the event itself.
type entry struct {
	seq       uint64
	at        time.Duration
	delay     time.Duration
	err       error  // with exitKind, the exit
	child     *child // nil if the event is about the supervisor
	because   *child // see [Event.Because]
	event     *Event // nil unless the life has been merged; the other fields except seq are then not set
	n         int
	kind      EventKind
	exitKind  ExitKind
	exhausted bool // see [Event.HostExhausted]
}

// newRecord returns an empty record of the size that the spec asks for: 0 means the size
// of the supervisor above, or DefaultRecord for a root, and below 0 means none.
func newRecord(asked int, above *core) record {
	switch {
	case asked != 0:
		return record{size: max(asked, 0)}
	case above != nil:
		return record{size: above.record.size}
	}
	return record{size: DefaultRecord}
}

// slot returns the place of the next event, which may be that of the oldest, or
// nil if no events are kept. Filling it in costs a third of copying an entry, for
// which the write barrier runs over all of it.
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

// entries returns all entries in the order in which they were added.
func (r *record) entries() []entry {
	return slices.Concat(r.ring[r.next:], r.ring[:r.next])
}

// merge adds the events of a life that has ended, and then keeps the last size
// events of both.
func (r *record) merge(events []Event, lost uint64) {
	all := r.entries()
	for i := range events {
		all = append(all, entry{seq: events[i].Seq, event: new(events[i])})
	}
	slices.SortFunc(all, inSeq)
	// Numbers are given out by the tree, so they order events across lives.
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

// inSeq orders entries by the numbers of their events.
func inSeq(a, b entry) int { return cmp.Compare(a.seq, b.seq) }

// event returns the event of an entry.
func (s *core) event(e *entry) Event {
	switch {
	case e.event != nil:
		event := *e.event
		event.Seq = e.seq
		return event
	case e.child == nil:
		return Event{Kind: e.kind, Seq: e.seq, Time: s.born.Add(e.at), Path: s.path, Exit: Exit{e.exitKind, e.err}}
	}
	id := e.child.id()
	var event Event
	s.describeChild(e, id, joinPath(s.path, id), &event)
	return event
}

// describeChild makes the event of an entry about a child that has the given id and
// path. It sets every field of event, because a copy of an Event is most of the cost.
func (s *core) describeChild(e *entry, id, path string, event *Event) {
	event.Kind, event.Seq, event.Time = e.kind, e.seq, s.born.Add(e.at)
	event.Path, event.ID, event.Incarnation = path, id, e.n
	event.Exit.Kind, event.Exit.Err = e.exitKind, e.err
	event.Delay, event.HostExhausted = e.delay, e.exhausted
	event.Because, event.Stack = "", ""
	if e.because != nil {
		event.Because = e.because.path()
	}
}

// recorded returns the events on the record of this supervisor alone, and the
// highest number of an event that is no longer kept.
func (s *core) recorded() ([]Event, uint64) {
	s.mu.Lock()
	entries, lost := s.record.entries(), s.record.lost
	s.mu.Unlock()
	// The texts of ids and paths are made here. For many events that takes long, and no
	// exit must wait for it.
	events := make([]Event, len(entries))
	for i := range entries {
		events[i] = s.event(&entries[i])
	}
	return events, lost
}

// recentLocked returns the last events on record, for an [IntensityError].
func (s *core) recentLocked() []Event {
	entries := s.record.entries()
	slices.SortFunc(entries, inSeq)
	entries = entries[max(0, len(entries)-recentEvents):]
	events := make([]Event, len(entries))
	for i := range entries {
		events[i] = s.event(&entries[i])
		if earlier, is := events[i].Exit.Err.(*IntensityError); is { // an error that kept its own Recent would keep the errors of all escalations before it
			bare := *earlier
			bare.Recent = nil
			events[i].Exit.Err = &bare
		}
	}
	return events
}

// mergeIntoParent adds the record and the counts of a life that has ended to its
// successor, where they are found once this life is forgotten. The successor is the
// supervisor above or, for a root, its next life; nil if there is none yet.
func (s *core) mergeIntoParent(successor *core) {
	if successor == nil {
		return
	}
	events, lost := s.recorded()
	counts := s.takeUnsent(true)
	// No two supervisors are locked at once. Between the locks a life below may
	// have sent counts to s, which has given away its own already: forwardRetired,
	// called by that life, brings them here.
	successor.mu.Lock()
	successor.record.merge(events, lost)
	successor.addRetiredLocked(s, counts)
	ended := successor.retired.allSent
	successor.mu.Unlock()
	if ended {
		successor.forwardRetired(s, counts)
	}
}

// recordedAt returns the events on record about a path and the paths below it, in
// order. moment is the number of the last event when it was called. Of the events
// up to moment none is missing, except those numbered up to lost.
func (s *core) recordedAt(path string) (events []Event, lost, moment uint64) {
	moment = s.events.last()
	// No lock is held between two lives, and one may end meanwhile. Its events are
	// then read twice, there and above, but never missed: it stays in the list until
	// its record has been merged.
	for _, life := range s.livesAt(path) {
		own, lostThere := life.recorded()
		events, lost = append(events, own...), max(lost, lostThere)
	}
	events = slices.DeleteFunc(events, func(e Event) bool { return e.Seq > moment || !isWithin(e.Path, path) })
	// Each life has its events nearly in order, but the lives are not in any.
	slices.SortFunc(events, func(a, b Event) int { return cmp.Compare(a.Seq, b.Seq) })
	return slices.CompactFunc(events, func(a, b Event) bool { return a.Seq == b.Seq }), lost, moment
}

// livesAt returns the lives that may have events on record about a path or below
// it: the lives on the way to the path, and all below it.
func (s *core) livesAt(path string) []*core {
	lives := []*core{s}
	for _, below := range s.nested() {
		if isWithin(below.path, path) || isWithin(path, below.path) {
			lives = append(lives, below.livesAt(path)...)
		}
	}
	return lives
}

// publishLocked numbers an event and passes it to the observers and subscriptions.
// It is kept out of recordEventLocked, so that without observers the frame of
// that function stays small.
//
//go:noinline
func (s *core) publishLocked(e *entry) {
	if e.kind == ChildStuck { // its stack is taken now: the child may be gone when the event is made
		event := s.event(e)
		event.Stack = e.child.stackTextLocked()
		stuck := entry{event: &event}
		s.events.emit(s, &stuck, 0)
		e.seq = stuck.seq
		return
	}
	s.events.emit(s, e, 0)
}

// emitLocked records an event of the supervisor and passes it to the observers.
func (s *core) emitLocked(kind EventKind, exit Exit) {
	s.recordEventLocked(nil, eventDraft{kind: kind, exit: exit}, s.now())
}

// recordEventLocked numbers an event of a child, or of the supervisor itself if c
// is nil, and records it.
func (s *core) recordEventLocked(c *child, e eventDraft, now time.Duration) {
	to := s.record.slot()
	if to == nil { // no events are kept: a reader of the record sees a gap
		if !s.events.listening() {
			s.record.lost = s.events.notifier.seq.Add(1)
			return
		}
		to = new(entry)
	}
	// Every field is set: the entry may have held another event before.
	to.child, to.at, to.kind, to.delay, to.event = c, now, e.kind, e.delay, nil
	to.exitKind, to.err = e.exit.Kind, e.exit.Err
	to.because, to.exhausted = nil, false
	if c != nil {
		to.n = c.counts.Starts
		to.exhausted = c.exhausted && e.kind == ChildRestarting && e.delay > 0
		if c.round != nil { // outside of a round, no event has a cause
			to.because = c.roundCauseLocked(e.kind)
		}
	}
	if s.events.listening() {
		s.publishLocked(to)
	} else {
		to.seq = s.events.notifier.seq.Add(1)
	}
	if s.record.size > 0 {
		s.record.last = to.seq
	} else {
		s.record.lost = to.seq
	}
}
