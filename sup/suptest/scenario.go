package suptest

import (
	"fmt"
	"strings"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A Scenario is a tree, and what happens to it step by step, as text that can be
// read, edited and kept beside a test. [ReadScenarios] reads it, [ScenarioOf]
// makes it of a flight record, [Scenario.Play] plays it. The package comment has
// the format.
type Scenario struct {
	Name string
	// Comments stand above the scenario, without their "# ".
	Comments []string

	root  *declared
	steps []step
	added map[string]*declared // what the steps add, by path; the first of each
}

// declared is what a scenario says of a supervisor, a set or a worker.
type declared struct {
	id   string
	kind declaredKind

	// As a child.
	restart     sup.Restart
	significant bool
	policy      sup.Policy

	faults misdeeds // of a worker

	// Of a supervisor or a set.
	strategy  sup.Strategy
	intensity sup.Intensity
	auto      sup.AutoShutdown
	children  []*declared          // of a set: what each of its workers is like
	byID      map[string]*declared // the children of a supervisor
	size      int                  // of replicas: how many; of a keyed set: how many at most, 0 for no bound
}

type declaredKind uint8

const (
	aWorker declaredKind = iota
	aSupervisor
	aKeyed
	aReplicas
)

func (d *declared) set() bool { return d.kind == aKeyed || d.kind == aReplicas }

// misdeeds are how a worker behaves. The zero value is a good one.
type misdeeds struct {
	fails []failedStarts // these attempts to start it fail
	hang  []attempts     // these take until they are cancelled
	slow  time.Duration  // what a start takes
	stop  time.Duration  // what it takes to stop
	deaf  bool           // it stops only when it is released
	badly bool           // and returns an error of its own then
}

type failedStarts struct {
	attempts
	how string // "error", "start" (the same), "panic" or "goexit"
}

// attempts are counted from 1 over the life of the whole tree.
type attempts struct{ from, to int }

func (a attempts) has(n int) bool { return a.from <= n && n <= a.to }
func (a attempts) String() string { return fmt.Sprintf("%d..%d", a.from, a.to) }

// step is a command, and what came of it.
type step struct {
	comments []string
	verb     string        // see commands
	path     string        // below the root; "" where there is none
	how      string        // of die
	time     time.Duration // of pass
	add      *declared     // of add
	answer   string        // "" if it is not said
	trace    []string      // what happened because of it
	children *string       // those that are there then, up or down; nil if it is not said
}

// commands are the verbs, and whether they have a path.
var commands = map[string]bool{
	"start": false, "stop": false, "release": false, "pass": false,
	"die": true, "terminate": true, "restart": true, "delete": true, "remove": true, "add": true,
}

func (s step) String() string {
	words := []string{s.verb}
	switch {
	case s.verb == "pass":
		words = append(words, s.time.String())
	case s.verb == "add":
		words = append(words, s.path, s.add.words())
	default:
		for _, word := range []string{s.path, s.how} {
			if word != "" {
				words = append(words, word)
			}
		}
	}
	return strings.TrimSpace(strings.Join(words, " "))
}

// perform adds a step.
func (sc *Scenario) perform(s step) {
	sc.steps = append(sc.steps, s)
	if s.add == nil || sc.added[s.path] != nil {
		return
	}
	if sc.added == nil {
		sc.added = make(map[string]*declared)
	}
	sc.added[s.path] = s.add
}

// find returns what is declared at a path, or is added there.
func (sc *Scenario) find(path string) *declared {
	if d := sc.root.find(path); d != nil {
		return d
	}
	return findAdded(sc.added, path)
}

// findAdded returns what is declared at a path that was added, or is below one that was.
func findAdded(added map[string]*declared, path string) *declared {
	for at := path; at != ""; at = upOf(at) {
		if d := added[at]; d != nil {
			return d.find(strings.TrimPrefix(path[len(at):], "/"))
		}
	}
	return nil
}

// adopt adds a child to a supervisor, behind the others.
func (d *declared) adopt(c *declared) {
	d.children = append(d.children, c)
	d.register(c)
}

// register makes a child known by its id. The first of an id counts.
func (d *declared) register(c *declared) {
	if d.byID == nil {
		d.byID = make(map[string]*declared)
	}
	if d.byID[c.id] == nil {
		d.byID[c.id] = c
	}
}

// find returns what is declared at a path below d; for a member of a set what
// each of them is.
func (d *declared) find(path string) *declared {
	if path == "" {
		return d
	}
	first, rest, _ := strings.Cut(path, "/")
	if d.set() {
		if rest != "" || len(d.children) == 0 {
			return nil
		}
		return d.children[0]
	}
	if c := d.byID[first]; c != nil {
		return c.find(rest)
	}
	return nil
}

func upOf(path string) string { return path[:max(0, strings.LastIndexByte(path, '/'))] }

func idOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

func below(path, id string) string {
	if path == "" {
		return id
	}
	return path + "/" + id
}
