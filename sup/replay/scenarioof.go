package replay

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/flight"
)

// ScenarioOf makes a scenario of a flight record. The snapshot declares the tree.
// What workers and operators did are commands, with the time that passed between
// them, and what followed from each is its trace. Times are rounded to milliseconds,
// and events less than five milliseconds apart are simultaneous.
//
// A comment says what the format cannot express, or the record does not contain, at
// the place that it is about. The comments above the scenario name the record. A
// record that does not reach back to the start of the tree gives a scenario that
// begins with a start all the same.
func ScenarioOf(r *flight.Record) *Scenario {
	b := newBuilder(r)
	b.comment("%s, recorded until %s: %d events.", r.Tree.Path, r.Taken.Format(time.RFC3339), len(r.Events))
	if !r.Complete {
		b.comment("The record does not reach back to the start of the tree.")
	}
	b.complete()
	b.commentSnapshot(b.sc.Root, r.Tree, "")
	b.declareFaults()
	b.addSteps()
	return &Scenario{Name: slug(r.Tree.Path), Comments: b.sc.Comments, content: b.sc}
}

// A builder makes a scenario of a record. A record may be of 100,000 children, so
// that each child is found by its path, and never by a search of all.
type builder struct {
	sc        *scenario.Scenario
	record    *flight.Record
	added     map[string]*scenario.Child // what was added at run time to supervisors, by path
	commented map[string]bool            // comments of the scenario

	info      map[string]sup.ChildInfo // the children of the snapshot, by path
	events    map[string][]int         // the indices of the events of a child or supervisor, by path
	lastBelow map[string]int           // the index of the last event below a supervisor, by path
	paths     []string                 // of children, in the order of their first events
}

func newBuilder(r *flight.Record) *builder {
	b := &builder{
		sc: &scenario.Scenario{Root: declareSupervisor(r.Tree)}, record: r,
		added: make(map[string]*scenario.Child), commented: make(map[string]bool),
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
			up = scenario.Parent(up)
			b.lastBelow[up] = i
		}
	}
	return b
}

// index records the children of a supervisor of the snapshot.
func (b *builder) index(s sup.SupervisorInfo, path string) {
	for _, c := range s.Children {
		at := scenario.Join(path, scenario.IDField(c.ID))
		if _, twice := b.info[at]; twice {
			continue
		}
		b.info[at] = c
		if c.Supervisor != nil {
			b.index(*c.Supervisor, at)
		}
	}
}

// comment adds a comment to the scenario, unless it has the same one already.
func (b *builder) comment(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if !b.commented[line] {
		b.commented[line] = true
		b.sc.Comments = append(b.sc.Comments, line)
	}
}

// below returns a path below the root as a field, "" for the root itself.
func (b *builder) below(path string) string {
	return scenario.Field(strings.TrimPrefix(strings.TrimPrefix(path, b.record.Tree.Path), "/"))
}

// find returns the child that is declared or was added at a path, or nil.
func (b *builder) find(path string) *scenario.Child {
	if c := b.sc.Root.Find(path); c != nil {
		return c
	}
	return scenario.FindAdded(b.added, path)
}

// addSteps makes commands of the events.
func (b *builder) addSteps() {
	b.sc.Append(scenario.Step{Verb: "start"})
	if len(b.record.Events) == 0 {
		return
	}
	events := slices.DeleteFunc(slices.Clone(b.record.Events), func(e sup.Event) bool { return !b.declared(e) })
	in := newInterpreter(b.record.Tree.Path, b.find, events, !b.record.Tree.Running)
	begin := b.record.Events[0].Time
	now, last := begin, begin // the time that the commands add up to, and that of the last event
	for _, m := range in.interpret() {
		silent := m.word == "" && m.cause == nil && len(m.comments) == 0
		simultaneous := m.at.Sub(last) < resolution
		if silent && !simultaneous {
			continue
		}
		late := m.cause != nil && m.at.Sub(now) >= resolution
		if !silent && (!simultaneous || late) {
			if d := m.at.Sub(begin).Round(time.Millisecond) - now.Sub(begin).Round(time.Millisecond); d > 0 {
				b.sc.Append(scenario.Step{Verb: "pass", Time: d})
				now = now.Add(d)
			}
		}
		last = m.at
		b.addMeaning(m)
	}
	for i := range b.sc.Steps {
		s := &b.sc.Steps[i]
		s.Trace = canonical(b.find, s.Trace)
	}
}

// addMeaning adds the command, the comments and the word of an event.
func (b *builder) addMeaning(m meaning) {
	if m.cause != nil {
		s := *m.cause
		s.Comments = m.comments
		if s.Verb == "add" {
			s.Add = b.addedChild(s.Path)
		}
		b.sc.Append(s)
	} else if len(m.comments) > 0 {
		at := &b.sc.Steps[len(b.sc.Steps)-1]
		at.Comments = append(at.Comments, m.comments...)
	}
	if m.word != "" {
		at := &b.sc.Steps[len(b.sc.Steps)-1]
		at.Trace = append(at.Trace, m.word)
	}
}

// declared reports that the scenario declares or adds the subject of an event.
func (b *builder) declared(e sup.Event) bool {
	path := b.below(e.Path)
	if e.ID != "" {
		if !scenario.Complete(path) {
			return false
		}
		path = scenario.Parent(path)
	}
	c := b.find(path)
	return c != nil && c.Kind != scenario.Worker
}

// addedChild returns the declaration of a child that was added at run time.
func (b *builder) addedChild(path string) *scenario.Child {
	one := &scenario.Child{}
	if c := b.find(path); c != nil {
		*one = *c
	}
	one.ID = scenario.Last(path)
	if one.Kind == scenario.Worker {
		one.Faults = b.faultsOf(path)
	}
	return one
}

// canonical sorts what the members of a set do when they start or stop together, since the
// contract leaves the order open (S7, X3).
func canonical(find func(path string) *scenario.Child, trace []string) []string {
	for from := 0; from < len(trace); {
		set, ok := turnOfMember(find, trace[from])
		to := from + 1
		for ok && to < len(trace) {
			if next, is := turnOfMember(find, trace[to]); !is || next != set {
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

// turnOfMember returns which set has a member that starts or stops with a word of a trace,
// and which of the two it does.
func turnOfMember(find func(path string) *scenario.Child, word string) (turn string, ok bool) {
	verb, path, _ := strings.Cut(word, " ")
	up := scenario.Parent(path)
	c := find(up)
	switch {
	case c == nil || !c.IsSet():
		return "", false
	case strings.HasPrefix(verb, "stop"):
		return "stop " + up, true
	case verb == "start", strings.HasPrefix(verb, "init"):
		return "start " + up, true
	}
	return "", false
}
