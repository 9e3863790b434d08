package suptest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/espalier-go/espalier/sup"
)

// grain is the time within which things happen at once, on a real machine.
const grain = 5 * time.Millisecond

// told is what an event means to a scenario: what the trace says of it, and, if
// somebody outside of the tree or a worker by itself did it, the command.
type told struct {
	at       time.Time
	word     string // "" if nothing is to be said
	cause    *step
	comments []string
}

// account reads events as what workers did and why. The events are in order;
// some at the beginning may be missing.
type account struct {
	root     string                      // its path
	find     func(path string) *declared // what is declared at a path, or was added there; nil if nothing is
	unended  bool                        // the root was stopping when the events end
	events   []sup.Event
	after    []int // of each event the next one of the same child or supervisor; len(events) if there is none
	children map[string]*course
	members  map[string][]string // the paths of children, by that of their supervisor
	sups     map[string]*course  // the supervisors themselves, "" is the root
	stop     int                 // the event with which an orderly stop of the root begins
}

// course is where a child or supervisor stands.
type course struct {
	seen, starting, asked, restarting, rest, stuck, gone bool
	since                                                time.Time // of the rest

	up, beginning, ending, stopped bool // of a supervisor; beginning and stopped of the root alone
}

func newAccount(root string, find func(path string) *declared, events []sup.Event, unended bool) *account {
	a := &account{root: root, find: find, unended: unended, events: events, children: make(map[string]*course), members: make(map[string][]string), sups: make(map[string]*course)}
	next := make(map[who]int)
	a.after = make([]int, len(events))
	for i := len(events) - 1; i >= 0; i-- {
		a.after[i] = len(events)
		who := who{events[i].Path, events[i].ID != ""}
		if n, ok := next[who]; ok {
			a.after[i] = n
		}
		next[who] = i
	}
	a.stop = a.orderlyStop()
	a.sup("").beginning = len(events) > 0 && events[0].Seq == 1
	return a
}

// who tells a supervisor from the child that it is to the one above.
type who struct {
	path  string
	child bool
}

// below is a path below that of the root, "" for the root itself.
func (a *account) below(path string) string {
	return fieldOf(strings.TrimPrefix(strings.TrimPrefix(path, a.root), "/"))
}

func (a *account) child(path string) *course {
	if a.children[path] == nil {
		a.members[upOf(path)] = append(a.members[upOf(path)], path)
	}
	return courseOf(a.children, path)
}

func (a *account) sup(path string) *course { return courseOf(a.sups, path) }

func courseOf(all map[string]*course, path string) *course {
	c := all[path]
	if c == nil {
		c = new(course)
		all[path] = c
	}
	return c
}

// worker reports that nothing is declared at a path that has children.
func (a *account) worker(path string) bool {
	d := a.find(path)
	return d == nil || d.kind == aWorker
}

// orderlyStop finds where the stop of the root begins that nothing in the tree
// caused: with the first stop that no start comes after.
func (a *account) orderlyStop() int {
	end := len(a.events)
	for i, e := range a.events {
		if a.below(e.Path) != "" {
			continue
		}
		switch e.Kind {
		case sup.SupervisorStarted:
			end = len(a.events)
		case sup.SupervisorFailed:
			return len(a.events)
		case sup.SupervisorStopped:
			end = i
		}
	}
	if end == len(a.events) && !a.unended {
		return end
	}
	stops := []int{end}           // of children of the root, latest first
	exits := make(map[string]int) // of children that have not been seen to be asked
	since := func(i int) int {    // the first of the stops after an event, and after those exits
		for _, exit := range exits {
			i = max(i, exit)
		}
		for len(stops) > 1 && stops[len(stops)-1] <= i {
			stops = stops[:len(stops)-1]
		}
		return stops[len(stops)-1]
	}
	for i := end - 1; i >= 0; i-- {
		e := a.events[i]
		if e.ID == "" && e.Kind != sup.SupervisorStarted {
			continue
		}
		if _, ok := exits[e.Path]; ok && e.Kind != sup.ChildStopping && e.Kind != sup.ChildStuck {
			return since(i)
		}
		delete(exits, e.Path)
		switch e.Kind {
		case sup.ChildExited:
			exits[e.Path] = i
		case sup.ChildStarting, sup.ChildReady, sup.ChildRestarting, sup.SupervisorStarted:
			return since(i)
		case sup.ChildStopping:
			if !strings.Contains(a.below(e.Path), "/") {
				stops = append(stops, i)
			}
		}
	}
	return since(-1)
}

// tell reads all events.
func (a *account) tell() []told {
	all := make([]told, len(a.events))
	for i, e := range a.events {
		t := &all[i]
		t.at = e.Time
		path := a.below(e.Path)
		switch e.Kind {
		case sup.SupervisorStarted, sup.SupervisorFailed, sup.SupervisorStopped:
			a.supervisor(t, i, e, path)
		case sup.ChildStarting:
			a.starting(t, i, e, path)
		case sup.ChildReady:
			c := a.child(path)
			c.seen, c.starting, c.restarting, c.rest = true, false, false, false
			t.say(a.worker(path), "start %s", path)
		case sup.ChildStopping:
			a.stopping(t, i, e, path)
		case sup.ChildStuck:
			a.child(path).stuck = true
			t.say(a.worker(path), "stuck %s", path)
		case sup.ChildExited:
			a.exited(t, e, path)
		case sup.ChildRestarting:
			c := a.child(path)
			c.seen, c.restarting = true, true
		case sup.ChildStopped, sup.ChildQuarantined:
			a.resting(t, i, e, path)
		case sup.ChildRemoved:
			c := a.child(path)
			if c.rest && e.Time.Sub(c.since) >= grain && !a.endsAbove(path) {
				t.because("delete", path)
			}
			*c = course{seen: true, gone: true}
		}
	}
	return all
}

func (t *told) say(worker bool, format string, args ...any) {
	if worker {
		t.word = fmt.Sprintf(format, args...)
	}
}

func (t *told) because(verb, path string) { t.cause = &step{verb: verb, path: path} }

func (a *account) supervisor(t *told, i int, e sup.Event, path string) {
	s := a.sup(path)
	switch e.Kind {
	case sup.SupervisorStarted:
		*s = course{up: true}
	case sup.SupervisorFailed:
		s.ending = true
		if err := e.Exit.Err; err != nil && path != "" {
			t.comments = append(t.comments, path+" gives up: "+firstLine(fmt.Sprint(err)))
		}
	case sup.SupervisorStopped:
		if path == "" && i == a.stop && !s.ending && !a.autoShutdown(i, "") {
			t.because("stop", "")
			s.asked = true
		}
		t.say(path == "" && s.up && !s.asked, "supervisor_exit shutdown")
		*s = course{stopped: true}
		for _, at := range a.members[path] {
			delete(a.children, at)
		}
		delete(a.members, path)
	}
}

// begins reports that the children of a supervisor start because it does. One
// that is not declared is a worker's own.
func (a *account) begins(path string) bool {
	d := a.find(path)
	return a.sup(path).beginning || a.child(path).starting || d == nil || d.kind == aWorker
}

// endsAbove reports that a child stops because something above it does.
func (a *account) endsAbove(path string) bool {
	for path != "" {
		path = upOf(path)
		if a.sup(path).ending {
			return true
		}
	}
	return false
}

func (a *account) starting(t *told, i int, e sup.Event, path string) {
	c := a.child(path)
	if up := a.sup(upOf(path)); up.stopped && upOf(path) == "" {
		t.because("start", "")
		*up = course{beginning: true}
	}
	switch {
	case c.restarting, a.begins(upOf(path)):
	case c.rest:
		t.because("restart", path)
	case c.gone, !c.seen && e.Incarnation == 1:
		t.because("add", path)
	default:
		t.comments = append(t.comments, fmt.Sprintf("%s: what its start #%d comes from is not on record", path, e.Incarnation))
	}
	*c = course{seen: true, starting: true}
	next := a.after[i]
	t.say(a.worker(path) && (next == len(a.events) || a.events[next].Time.Sub(e.Time) >= grain), "init %s", path)
}

func (a *account) stopping(t *told, i int, e sup.Event, path string) {
	c := a.child(path)
	c.seen = true
	switch {
	case e.Because != "" || a.endsAbove(path):
	case a.ownFailure(i, path):
		return
	case a.autoShutdown(i, upOf(path)):
		a.sup(upOf(path)).ending = true
	case i >= a.stop:
		t.because("stop", "")
		a.sup("").ending, a.sup("").asked = true, true
	case c.starting: // called off by whoever wanted it to start
	case a.removed(i):
		t.because("remove", path)
	default:
		t.because("terminate", path)
	}
	c.asked = true
	a.sup(path).ending = true
	t.say(a.worker(path) && !c.starting, "stop_begin %s", path)
}

// ownFailure reports that a child which stops has failed by itself: its
// watchdog, its start timeout or a goroutine of it did.
func (a *account) ownFailure(i int, path string) bool {
	exited := a.nextOf(i, sup.ChildExited)
	if exited == len(a.events) || a.events[exited].Exit.Kind != sup.ExitAbnormal {
		return false
	}
	if err := a.events[exited].Exit.Err; says(err, sup.ErrStuck) && !strings.Contains(fmt.Sprint(err), sup.ErrStuck.Error()+": ") {
		return false // its own failure would stand behind the text of ErrStuck
	}
	then := a.after[exited]
	if then == len(a.events) {
		return true
	}
	switch a.events[then].Kind {
	case sup.ChildRestarting, sup.ChildQuarantined:
		return true
	case sup.ChildStopped:
		d := a.find(path)
		return d != nil && d.restart == sup.Temporary || a.escalates(then, path)
	}
	return false
}

// escalates reports that the supervisor of a child gives up with an event of it.
func (a *account) escalates(i int, path string) bool {
	for _, e := range a.events[i:min(i+3, len(a.events))] {
		if e.Kind == sup.SupervisorFailed && a.below(e.Path) == upOf(path) {
			return true
		}
	}
	return false
}

// nextOf returns the next event of a kind of the same path.
func (a *account) nextOf(i int, kind sup.EventKind) int {
	for i = a.after[i]; i < len(a.events) && a.events[i].Kind != kind; i = a.after[i] {
	}
	return i
}

// removed reports that a stop leads to the removal of a child that is not
// temporary.
func (a *account) removed(i int) bool {
	stopped := a.nextOf(i, sup.ChildStopped)
	if stopped == len(a.events) || a.after[stopped] == len(a.events) {
		return false
	}
	then := a.events[a.after[stopped]]
	d := a.find(a.below(then.Path))
	return then.Kind == sup.ChildRemoved && then.Time.Sub(a.events[stopped].Time) < grain && (d == nil || d.restart != sup.Temporary)
}

// autoShutdown reports that a supervisor ends with a significant child.
func (a *account) autoShutdown(i int, path string) bool {
	d := a.find(path)
	if d == nil || d.auto == sup.AutoShutdownNever {
		return false
	}
	for i--; i >= 0 && a.events[i].Kind != sup.ChildStarting; i-- {
		if e := a.events[i]; e.Kind == sup.ChildExited && upOf(a.below(e.Path)) == path {
			c := a.find(a.below(e.Path))
			return c != nil && c.significant
		}
	}
	return false
}

func (a *account) exited(t *told, e sup.Event, path string) {
	c := a.child(path)
	abandoned := c.stuck && says(e.Exit.Err, sup.ErrStuck)
	switch {
	case abandoned:
	case c.starting && c.asked:
		t.say(a.worker(path), "init_cancel %s", path)
	case c.starting:
		t.say(a.worker(path), "init_fail %s", path)
	case c.asked:
		t.say(a.worker(path), "stop %s", path)
	case a.worker(path):
		how := howOf(e.Exit)
		t.say(true, "die %s %s", path, how)
		t.cause = &step{verb: "die", path: path, how: how}
		if err := e.Exit.Err; err != nil && fmt.Sprint(err) != how {
			t.comments = append(t.comments, firstLine(fmt.Sprint(err)))
		}
	}
	*c = course{seen: true}
	a.sup(path).ending = false
}

func (a *account) resting(t *told, i int, e sup.Event, path string) {
	c := a.child(path)
	if e.Kind == sup.ChildQuarantined {
		t.say(true, "quarantine %s", path)
	} else if c.restarting && !a.escalates(i, path) && !a.endsAbove(path) && i < a.stop {
		t.because("terminate", path)
	}
	*c = course{seen: true, rest: true, since: e.Time}
}

// howOf is how a worker ended, in a word.
func howOf(exit sup.Exit) string {
	switch exit.Kind {
	case sup.ExitNormal:
		return "normal"
	case sup.ExitShutdown:
		return "shutdown"
	}
	if _, ok := errors.AsType[*sup.PanicError](exit.Err); ok || strings.HasPrefix(fmt.Sprint(exit.Err), "panic: ") {
		return "panic"
	}
	switch {
	case says(exit.Err, sup.ErrGoexit):
		return "goexit"
	case says(exit.Err, context.Canceled):
		return "canceled"
	}
	return slug(fmt.Sprint(exit.Err))
}

// says reports whether err wraps is. An error out of a record wraps nothing; its
// text contains that of is.
func says(err, is error) bool {
	return err != nil && (errors.Is(err, is) || strings.Contains(fmt.Sprint(err), is.Error()))
}

// slug makes a word of an error, for where blanks and commas mean something.
func slug(text string) string {
	const most = 40
	words := strings.FieldsFunc(firstLine(text), func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._:/-", r)
	})
	word := strings.Trim(strings.Join(words, "-"), "-:")
	if runes := []rune(word); len(runes) > most {
		word = strings.TrimRight(string(runes[:most]), "-:")
	}
	switch word {
	case "", "normal", "shutdown", "panic", "goexit", "canceled": // would be another way to end
		return strings.TrimLeft(word+"-error", "-")
	}
	return word
}

func firstLine(text string) string {
	line, _, more := strings.Cut(strings.TrimSpace(text), "\n")
	if more {
		line += " …"
	}
	return line
}
