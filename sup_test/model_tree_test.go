package sup_test

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// branch declares a supervisor, a set or a worker, and what is below it. It is
// the one description from which the model and the engine are both made.
type branch struct {
	id   string
	kind branchKind

	// As a child.
	restart      sup.Restart
	significant  bool
	shutdown     time.Duration // 0: the default
	startTimeout time.Duration
	backoff      sup.Backoff
	budget       sup.Intensity
	stuck        sup.WhenStuck

	manner manner // of a worker

	// Of a supervisor or a set.
	strategy  sup.Strategy
	intensity sup.Intensity
	auto      sup.AutoShutdown
	children  []*branch // of a set: what each of its workers is like
	size      int       // of replicas: how many; of a keyed set: how many at most, 0 for no bound
}

type branchKind uint8

const (
	aWorker branchKind = iota
	aSupervisor
	aKeyed
	aReplicas
)

func (b *branch) set() bool { return b.kind == aKeyed || b.kind == aReplicas }

// manner is how a worker behaves. Its zero value is a good worker's.
type manner struct {
	fail    attempts      // these attempts to start it fail
	failHow string        // "error", "panic" or "goexit" in Initialize, "start": an error of the start function
	hang    attempts      // in these, Initialize returns only when it is cancelled
	slow    time.Duration // what Initialize takes
	stop    time.Duration // what Run takes to return once it is cancelled
	deaf    bool          // once cancelled, Run returns only when it is released
	mute    bool          // the same, and nothing is heard of it
	ignore  attempts      // in these, the start function chooses not to start it
	hold    attempts      // in these, Initialize goes on only when it is let
	badly   bool          // it returns another error then
}

// attempts are counted from 1 over the life of the whole tree. The zero value
// holds none.
type attempts struct{ from, to int }

func (a attempts) has(n int) bool { return a.from <= n && n <= a.to }

// member is the declaration of one worker of a set. Its times differ a little
// from its siblings', so that no two steps end at the same moment.
func (b *branch) member(id string) *branch {
	m := *b.children[0]
	m.id = id
	n, err := strconv.Atoi(strings.TrimPrefix(id, "k"))
	if err != nil {
		panic("the workers of a set are called k0, k1, … or 0, 1, …: " + id)
	}
	for _, d := range []*time.Duration{&m.manner.slow, &m.manner.stop} {
		if *d > 0 {
			*d += time.Duration(n) * time.Millisecond
		}
	}
	return &m
}

// patience is how long the child may take to stop.
func (b *branch) patience() time.Duration {
	switch {
	case b.shutdown != 0:
		return b.shutdown
	case b.kind != aWorker:
		return sup.Infinity
	}
	return sup.DefaultShutdown
}

// bound is an intensity with its defaults filled in.
func bound(i sup.Intensity) sup.Intensity {
	if i == (sup.Intensity{}) {
		return sup.DefaultIntensity
	}
	if i.Within == 0 {
		i.Within = 5 * time.Second
	}
	return i
}

// command is one thing that is done to the tree.
type command struct {
	verb string // see perform
	path string // of the child, "" for the root
	arg  string // of die: how; of both: the id of the other; of key calls: the key
	time time.Duration
	spec *branch // of add: the child
}

// event is something that a worker saw.
type event struct {
	at   time.Duration
	what string // init, start, init_fail, init_cancel, die REASON, stop_begin, stop
	path string
	inc  int
}

// answer is what an operator's call returned, and when.
type answer struct {
	call int
	at   time.Duration
	is   string
	err  error // from which that is, of the engine
}

// result is what a command led to.
type result struct {
	events   []event
	answers  []answer
	snapshot []string
	ended    string // how the root has, if it has
}

// ordered brings events whose order the contract leaves open into one that is
// fixed: what the workers of one set do when they are stopped all at once (X3).
func ordered(sets map[string]bool, events []event) []event {
	events = slices.Clone(events)
	for again := true; again; {
		again = false
		for i := 1; i < len(events); i++ {
			a, b := &events[i-1], &events[i]
			if a.at == b.at && a.path != b.path && canSwap(sets, *a, *b) {
				*a, *b = *b, *a
				again = true
			}
		}
	}
	return events
}

func canSwap(sets map[string]bool, a, b event) bool {
	if b.what == "init_cancel" {
		return a.what != "init_cancel" || b.path < a.path
	}
	up := parentOf(a.path)
	return b.path < a.path && up == parentOf(b.path) && sets[up] &&
		strings.HasPrefix(a.what, "stop") && strings.HasPrefix(b.what, "stop")
}

func parentOf(path string) string {
	return path[:max(0, strings.LastIndexByte(path, '/'))]
}

// sets notes the paths of the sets in a branch.
func (b *branch) sets(path string, into map[string]bool) {
	if b.set() {
		into[path] = true
		return
	}
	for _, c := range b.children {
		c.sets(join(path, c.id), into)
	}
}

// find returns what is declared at a path.
func (b *branch) find(path string) *branch {
	if path == "" {
		return b
	}
	first, rest, _ := strings.Cut(path, "/")
	for _, c := range b.children {
		if c.id == first {
			return c.find(rest)
		}
	}
	return nil
}
