package suptest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
)

// ScenarioOf makes a scenario of a flight record: the tree as its snapshot
// declares it, what workers and operators did as commands, with the time that
// passed between them, and what came of it as traces. Times are rounded to
// milliseconds, and what happened within five of them, at once.
//
// What the format cannot say, or the record does not tell, is a comment at the
// place that it is about; above the scenario stands what it is of. A record that
// does not reach back to the start of the tree gives a scenario that begins with
// a start all the same.
func ScenarioOf(r *flight.Record) *Scenario {
	// A set that is larger than a scenario can say is noted by unsaid.
	sc := &Scenario{Name: slug(r.Tree.Path), root: declaredBy(r.Tree)}
	b := newBuilder(sc, r)
	sc.Comments = append(sc.Comments, fmt.Sprintf("%s, recorded until %s: %d events.", r.Tree.Path, r.Taken.Format(time.RFC3339), len(r.Events)))
	if !r.Complete {
		sc.Comments = append(sc.Comments, "The record does not reach back to the start of the tree: what was before is not known.")
	}
	b.complete()
	b.unsaid(sc.root, r.Tree, "")
	b.misbehave()
	b.steps()
	return sc
}

// declaredBy is what a snapshot tells of a supervisor.
func declaredBy(s sup.SupervisorInfo) *declared {
	d := &declared{kind: aSupervisor, strategy: s.Strategy, intensity: possible(s.Intensity), auto: s.AutoShutdown}
	switch s.Set {
	case sup.SetKeyed:
		d.kind, d.size = aKeyed, max(0, min(s.Max, mostMembers))
	case sup.SetReplicas:
		d.kind, d.size = aReplicas, min(len(s.Children), mostMembers)
	}
	for _, c := range s.Children {
		switch {
		case c.ID == "":
		case d.set():
			d.children = []*declared{declaredChild(c)} // they are all alike
			d.children[0].id = "*"
		default:
			d.adopt(declaredChild(c))
		}
	}
	return d
}

func declaredChild(c sup.ChildInfo) *declared {
	d := &declared{}
	if c.Supervisor != nil {
		d = declaredBy(*c.Supervisor)
	} else if c.Kind == sup.KindSupervisor {
		d.kind, d.intensity = aSupervisor, sup.DefaultIntensity
	}
	d.id, d.restart, d.significant, d.policy = idField(c.ID), c.Restart, c.Significant, c.Policy
	p := &d.policy
	if p.Shutdown < 0 && p.Shutdown != sup.Brutal {
		p.Shutdown = 0
	}
	p.StartTimeout, p.Budget = max(p.StartTimeout, 0), possible(p.Budget)
	p.Backoff.Min, p.Backoff.Max, p.Backoff.ResetAfter = max(p.Backoff.Min, 0), max(p.Backoff.Max, 0), max(p.Backoff.ResetAfter, 0)
	return d
}

// possible is an intensity that a supervisor can have: a record may have been edited.
func possible(i sup.Intensity) sup.Intensity {
	i.Within = max(i.Within, 0)
	return i
}

// A builder makes a scenario of a record. A record can be of 100,000 children: each
// of them is found by its path, and none by looking at all.
type builder struct {
	sc      *Scenario
	record  *flight.Record
	addedAt map[string]*declared // what was added at run time, to others than sets, by path
	noted   map[string]bool      // comments of the scenario

	info      map[string]sup.ChildInfo // the children of the snapshot, by path
	events    map[string][]int         // which events are of a child or supervisor, by path
	lastBelow map[string]int           // the last event of anything below a path
	paths     []string                 // of children, in the order in which they come up in the events
}

func newBuilder(sc *Scenario, r *flight.Record) *builder {
	b := &builder{
		sc: sc, record: r, addedAt: make(map[string]*declared), noted: make(map[string]bool),
		info: make(map[string]sup.ChildInfo), events: make(map[string][]int), lastBelow: make(map[string]int),
	}
	b.index(r.Tree, "")
	seen := make(map[string]bool)
	for i, e := range r.Events {
		path := b.below(e.Path)
		b.events[path] = append(b.events[path], i)
		if e.ID != "" && !seen[path] {
			seen[path] = true
			b.paths = append(b.paths, path)
		}
		for up := path; up != ""; {
			up = upOf(up)
			b.lastBelow[up] = i
		}
	}
	return b
}

// index notes the children of a supervisor of the snapshot.
func (b *builder) index(s sup.SupervisorInfo, path string) {
	for _, c := range s.Children {
		at := below(path, idField(c.ID))
		if _, twice := b.info[at]; twice {
			continue
		}
		b.info[at] = c
		if c.Supervisor != nil {
			b.index(*c.Supervisor, at)
		}
	}
}

func (b *builder) note(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if !b.noted[line] {
		b.noted[line] = true
		b.sc.Comments = append(b.sc.Comments, line)
	}
}

// below is a path below the root.
func (b *builder) below(path string) string {
	return fieldOf(strings.TrimPrefix(strings.TrimPrefix(path, b.record.Tree.Path), "/"))
}

// complete declares children that were gone when the snapshot was taken, and
// takes those out that the record has seen added.
func (b *builder) complete() {
	started := make(map[string]bool) // supervisors whose start the record has seen
	last := make(map[string]string)  // by supervisor, the child that was started last
	families := make(map[*declared]*family)
	of := func(up *declared) *family {
		if families[up] == nil {
			families[up] = newFamily(up)
		}
		return families[up]
	}
	for i, e := range b.record.Events {
		path := b.below(e.Path)
		if e.Kind == sup.SupervisorStarted {
			started[path] = true
		}
		if e.ID == "" || !whole(path) {
			continue
		}
		up := b.find(upOf(path))
		switch {
		case up == nil || up.kind == aWorker:
			b.note("%s is below a worker, in a supervisor of its own: it is left out.", path)
			continue
		case e.Kind == sup.ChildStarting && e.Incarnation == 1 && started[upOf(path)] && b.addedAt[path] == nil && !up.set():
			one := b.sc.root.find(path)
			if one != nil && !b.info[path].Added {
				break
			}
			if one == nil {
				one = b.guess(path, i)
			}
			b.addedAt[path] = one
			of(up).drop(one)
		case b.sc.root.find(path) != nil || b.addedAt[path] != nil:
		case up.set():
			one := b.guess(path, i)
			one.id = "*"
			up.children = []*declared{one}
		default:
			one := b.guess(path, i)
			of(up).insert(one, last[upOf(path)])
			b.note("%s was gone when the snapshot was taken: %s is a guess.", path, one.restart)
		}
		if e.Kind == sup.ChildStarting {
			last[upOf(path)] = idOf(path)
		}
	}
	for up, f := range families {
		up.children = f.list()
	}
}

// guess guesses how a child was declared that is gone: as temporary, if it was
// dropped each time that it had ended, and as transient, if it stayed down after
// a normal end. The events count from the one with the number from on.
func (b *builder) guess(path string, from int) *declared {
	d := &declared{id: idOf(path)}
	var rest time.Time
	var finished, dropped, stayed bool
	if last, is := b.lastBelow[path]; is && last >= from {
		d.kind, d.intensity = aSupervisor, sup.DefaultIntensity
	}
	course := b.events[path]
	first, _ := slices.BinarySearch(course, from)
	for _, i := range course[first:] {
		e := b.record.Events[i]
		switch e.Kind {
		case sup.ChildStopped:
			rest = e.Time
			finished = finished || e.Exit.Kind == sup.ExitNormal
		case sup.ChildRemoved:
			dropped = dropped || e.Time.Sub(rest) < grain
		case sup.ChildRestarting:
			stayed = true
		case sup.ChildStarting:
			stayed = stayed || !rest.IsZero() && !dropped
		}
	}
	switch {
	case dropped && !stayed:
		d.restart = sup.Temporary
	case finished:
		d.restart = sup.Transient
	}
	return d
}

// unsaid notes what a snapshot tells and the format cannot say.
func (b *builder) unsaid(d *declared, s sup.SupervisorInfo, path string) {
	for _, c := range s.Children {
		at := below(path, idField(c.ID))
		if d.set() {
			at = below(path, "*")
		}
		if c.Policy.Watchdog > 0 {
			b.note("%s has a watchdog of %v: what it did is a die.", at, c.Policy.Watchdog)
		}
		if c.Policy.Backoff.Jitter > 0 {
			b.note("The backoff of %s has a jitter of %v: here it waits the whole time.", at, c.Policy.Backoff.Jitter)
		}
		if c.Kind == sup.KindSupervisor && c.Supervisor == nil {
			b.note("%s was down: how it and what is below it are declared is a guess.", at)
		}
		if one := d.find(idField(c.ID)); c.Supervisor != nil && one != nil {
			if d.set() {
				b.note("%s is a set of supervisors, which the format does not have: its members are workers here.", path)
				one.kind, one.children, one.byID = aWorker, nil, nil
				continue
			}
			b.unsaid(one, *c.Supervisor, at)
		}
	}
	if size := max(s.Max, len(s.Children)); d.set() && size > mostMembers {
		b.note("%s had %d members or room for them: here it has %d.", path, size, mostMembers)
	}
	if d.set() && len(d.children) == 0 {
		d.children = []*declared{{id: "*"}}
		b.note("%s was empty: what its members are like is a guess.", path)
	}
}

// steps makes commands of events.
func (b *builder) steps() {
	b.sc.perform(step{verb: "start"})
	if len(b.record.Events) == 0 {
		return
	}
	events := slices.DeleteFunc(slices.Clone(b.record.Events), func(e sup.Event) bool { return !b.said(e) })
	a := newAccount(b.record.Tree.Path, b.find, events, !b.record.Tree.Running)
	zero := b.record.Events[0].Time
	now, last := zero, zero // what the commands so far add up to, and the last event
	for _, t := range a.tell() {
		if t.word == "" && t.cause == nil && len(t.comments) == 0 {
			if t.at.Sub(last) < grain {
				last = t.at
			}
			continue
		}
		if t.at.Sub(last) >= grain || t.cause != nil && t.at.Sub(now) >= grain {
			if d := t.at.Sub(zero).Round(time.Millisecond) - now.Sub(zero).Round(time.Millisecond); d > 0 {
				b.sc.perform(step{verb: "pass", time: d})
				now = now.Add(d)
			}
		}
		last = t.at
		if t.cause != nil {
			b.command(t)
		} else if len(t.comments) > 0 {
			at := &b.sc.steps[len(b.sc.steps)-1]
			at.comments = append(at.comments, t.comments...)
		}
		if t.word != "" {
			at := &b.sc.steps[len(b.sc.steps)-1]
			at.trace = append(at.trace, t.word)
		}
	}
	for i := range b.sc.steps {
		s := &b.sc.steps[i]
		s.trace = canonical(b.find, s.trace)
	}
}

// find returns what is declared at a path, or was added there.
func (b *builder) find(path string) *declared {
	if d := b.sc.root.find(path); d != nil {
		return d
	}
	return findAdded(b.addedAt, path)
}

// said reports that an event is of what the scenario declares, or adds.
func (b *builder) said(e sup.Event) bool {
	path := b.below(e.Path)
	if e.ID != "" {
		if !whole(path) {
			return false
		}
		path = upOf(path)
	}
	d := b.find(path)
	return d != nil && d.kind != aWorker
}

// command adds a command. A stop ends the tree, and is the last.
func (b *builder) command(t told) {
	s := *t.cause
	s.comments = t.comments
	if s.verb == "add" {
		s.add = b.added(s.path)
	}
	b.sc.perform(s)
}

// added is how a child is declared that was added at run time.
func (b *builder) added(path string) *declared {
	one := &declared{}
	if d := b.addedAt[path]; d != nil {
		*one = *d
	} else if d := b.sc.root.find(path); d != nil {
		*one = *d
	}
	one.id = idOf(path)
	one.faults = b.misdeedsOf(path)
	return one
}

// canonical brings what the members of a set do at once, when they are stopped,
// into an order: it is left open (X3).
func canonical(find func(path string) *declared, trace []string) []string {
	for from := 0; from < len(trace); {
		set, ok := stopOfMember(find, trace[from])
		to := from + 1
		for ok && to < len(trace) {
			if next, is := stopOfMember(find, trace[to]); !is || next != set {
				break
			}
			to++
		}
		slices.SortStableFunc(trace[from:to], func(a, b string) int {
			_, a, _ = strings.Cut(a, " ")
			_, b, _ = strings.Cut(b, " ")
			return strings.Compare(a, b)
		})
		from = to
	}
	return trace
}

// stopOfMember returns the set whose member a word says to stop.
func stopOfMember(find func(path string) *declared, word string) (set string, ok bool) {
	verb, path, _ := strings.Cut(word, " ")
	d := find(upOf(path))
	return upOf(path), strings.HasPrefix(verb, "stop") && d != nil && d.set()
}
