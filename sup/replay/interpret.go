package replay

import (
	"fmt"
	"strings"
	"time"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/espalier-go/espalier/sup"
)

// resolution is the time within which events count as simultaneous: an engine on a
// real machine needs some time between an event and those that follow from it.
const resolution = 5 * time.Millisecond

// A meaning is what an event means to a scenario.
type meaning struct {
	at       time.Time
	word     string         // in the trace; "" if the event is not part of it
	cause    *scenario.Step // the command, if no other event explains this one
	comments []string
}

// An interpreter reads events as what workers did and why. The events are in order;
// the first ones of the tree may be missing.
type interpreter struct {
	root      string                            // its path
	find      func(path string) *scenario.Child // what is declared or was added at a path; may return nil
	events    []sup.Event
	next      []int                  // for each event the next one of the same child or supervisor, or len(events)
	children  map[string]*childTrace // by path
	members   map[string][]string    // the paths of children, by that of their supervisor
	sups      map[string]*supTrace   // by path, "" for the root
	stopBegin int                    // the event with which a stop of the root by command begins
}

// childTrace is the state of a child after the events so far.
type childTrace struct {
	seen          bool // had an event
	starting      bool
	stopRequested bool // not by a failure of its own
	restarting    bool
	resting       bool // stopped or quarantined
	stuck         bool
	removed       bool
	since         time.Time // of resting
}

// supTrace is the state of a supervisor after the events so far.
type supTrace struct {
	up            bool
	stopRequested bool // of the root: by command
	ending        bool
	beginning     bool // of the root: a start by command is under way
	stopped       bool
}

// newInterpreter returns an interpreter. Stopping says that the root was stopping
// when the events end.
func newInterpreter(root string, find func(path string) *scenario.Child, events []sup.Event, stopping bool) *interpreter {
	in := &interpreter{
		root: root, find: find, events: events, next: make([]int, len(events)),
		children: make(map[string]*childTrace), members: make(map[string][]string), sups: make(map[string]*supTrace),
	}
	type subject struct { // a supervisor is also a child of the one above
		path  string
		child bool
	}
	next := make(map[subject]int)
	for i := len(events) - 1; i >= 0; i-- {
		in.next[i] = len(events)
		s := subject{events[i].Path, events[i].ID != ""}
		if n, ok := next[s]; ok {
			in.next[i] = n
		}
		next[s] = i
	}
	in.stopBegin = in.findStop(stopping)
	in.sup("").beginning = len(events) > 0 && events[0].Seq == 1
	return in
}

// below returns a path below the root as a field, "" for the root itself.
func (in *interpreter) below(path string) string {
	return scenario.Field(strings.TrimPrefix(strings.TrimPrefix(path, in.root), "/"))
}

func (in *interpreter) child(path string) *childTrace {
	if in.children[path] == nil {
		up := scenario.Parent(path)
		in.members[up] = append(in.members[up], path)
		in.children[path] = new(childTrace)
	}
	return in.children[path]
}

func (in *interpreter) sup(path string) *supTrace {
	if in.sups[path] == nil {
		in.sups[path] = new(supTrace)
	}
	return in.sups[path]
}

// isWorker reports that no supervisor is declared at a path.
func (in *interpreter) isWorker(path string) bool {
	c := in.find(path)
	return c == nil || c.Kind == scenario.Worker
}

// interpret returns the meaning of each event.
func (in *interpreter) interpret() []meaning {
	all := make([]meaning, len(in.events))
	for i, e := range in.events {
		m := &all[i]
		m.at = e.Time
		path := in.below(e.Path)
		switch e.Kind {
		case sup.SupervisorStarted, sup.SupervisorFailed, sup.SupervisorStopped:
			in.supervisor(m, i, e, path)
		case sup.ChildStarting:
			in.starting(m, i, e, path)
		case sup.ChildReady:
			c := in.child(path)
			c.seen, c.starting, c.restarting, c.resting = true, false, false, false
			in.trace(m, "start", path)
		case sup.ChildStopping:
			in.stopping(m, i, e, path)
		case sup.ChildStuck:
			in.child(path).stuck = true
			in.trace(m, "stuck", path)
		case sup.ChildExited:
			in.exited(m, e, path)
		case sup.ChildRestarting:
			c := in.child(path)
			c.seen, c.restarting = true, true
		case sup.ChildStopped, sup.ChildQuarantined:
			in.resting(m, i, e, path)
		case sup.ChildRemoved:
			c := in.child(path)
			if c.resting && e.Time.Sub(c.since) >= resolution && !in.endsAbove(path) {
				m.because("delete", path)
			}
			*c = childTrace{seen: true, removed: true}
		case sup.ObserverPanicked: // says nothing of the tree
		default:
			m.comments = append(m.comments, fmt.Sprintf("event %d, %q, is of no kind that this version knows.", e.Seq, e.Kind))
		}
	}
	return all
}

// trace sets the word for what a worker did. Supervisors have no words.
func (in *interpreter) trace(m *meaning, word, path string) {
	if in.isWorker(path) {
		m.word = word + " " + path
	}
}

func (m *meaning) because(verb, path string) { m.cause = &scenario.Step{Verb: verb, Path: path} }

func (in *interpreter) supervisor(m *meaning, i int, e sup.Event, path string) {
	s := in.sup(path)
	switch e.Kind {
	case sup.SupervisorStarted:
		*s = supTrace{up: true}
	case sup.SupervisorFailed:
		s.ending = true
		if err := e.Exit.Err; err != nil && path != "" {
			m.comments = append(m.comments, path+" gives up: "+firstLine(fmt.Sprint(err)))
		}
	case sup.SupervisorStopped:
		if path == "" && i == in.stopBegin && !s.ending && !in.autoShutdown(i, "") {
			m.because("stop", "")
			s.stopRequested = true
		}
		if path == "" && s.up && !s.stopRequested {
			m.word = "supervisor_exit shutdown"
		}
		*s = supTrace{stopped: true}
		for _, at := range in.members[path] {
			delete(in.children, at)
		}
		delete(in.members, path)
	}
}

func (in *interpreter) starting(m *meaning, i int, e sup.Event, path string) {
	c := in.child(path)
	if up := in.sup(scenario.Parent(path)); up.stopped && scenario.Parent(path) == "" {
		m.because("start", "")
		*up = supTrace{beginning: true}
	}
	switch {
	case c.restarting, in.startsChildren(scenario.Parent(path)):
	case c.resting:
		m.because("restart", path)
	case c.removed, !c.seen && e.Incarnation == 1:
		m.because("add", path)
	default:
		m.comments = append(m.comments, fmt.Sprintf("%s: the cause of its start #%d is not recorded.", path, e.Incarnation))
	}
	*c = childTrace{seen: true, starting: true}
	if next := in.next[i]; next == len(in.events) || in.events[next].Time.Sub(e.Time) >= resolution {
		in.trace(m, "init", path)
	}
}

func (in *interpreter) stopping(m *meaning, i int, e sup.Event, path string) {
	c := in.child(path)
	c.seen = true
	up := scenario.Parent(path)
	switch {
	case e.Because != "" || in.endsAbove(path):
	case in.failedAlone(i, path):
		return
	case in.autoShutdown(i, up):
		in.sup(up).ending = true
	case i >= in.stopBegin:
		m.because("stop", "")
		in.sup("").ending, in.sup("").stopRequested = true, true
	case c.starting: // cancelled by the call that wanted the start
	case in.removedNext(i):
		m.because("remove", path)
	default:
		m.because("terminate", path)
	}
	c.stopRequested = true
	in.sup(path).ending = true
	if !c.starting {
		in.trace(m, "stop_begin", path)
	}
}

func (in *interpreter) exited(m *meaning, e sup.Event, path string) {
	c := in.child(path)
	abandoned := c.stuck && wraps(e.Exit.Err, sup.ErrStuck)
	switch {
	case abandoned:
	case c.starting && c.stopRequested:
		in.trace(m, "init_cancel", path)
	case c.starting:
		in.trace(m, "init_fail", path)
	case c.stopRequested:
		in.trace(m, "stop", path)
	case in.isWorker(path):
		how := howExited(e.Exit)
		m.word = "die " + path + " " + how
		m.cause = &scenario.Step{Verb: "die", Path: path, Arg: how}
		if err := e.Exit.Err; err != nil && fmt.Sprint(err) != how {
			m.comments = append(m.comments, firstLine(fmt.Sprint(err)))
		}
	}
	*c = childTrace{seen: true}
	in.sup(path).ending = false
}

func (in *interpreter) resting(m *meaning, i int, e sup.Event, path string) {
	c := in.child(path)
	if e.Kind == sup.ChildQuarantined {
		m.word = "quarantine " + path
	} else if c.restarting && !in.escalates(i, path) && !in.endsAbove(path) && i < in.stopBegin {
		m.because("terminate", path)
	}
	*c = childTrace{seen: true, resting: true, since: e.Time}
}
