package sup_test

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/espalier-go/espalier/internal/scenario"
	"github.com/espalier-go/espalier/sup"
)

// A branch declares a supervisor, a set or a worker, and everything below it. Model and
// engine are both made from this declaration.
type branch = scenario.Child

// attempts is a range of attempts to start a worker.
type attempts = scenario.Attempts

const (
	aWorker     = scenario.Worker
	aSupervisor = scenario.Supervisor
	aKeyed      = scenario.Keyed
	aReplicas   = scenario.Replicas
)

// member returns the declaration of one worker of a set. Its times differ a little from
// its siblings' times, so that no two steps end at the same moment.
func member(set *branch, id string) *branch {
	m := *set.Children[0]
	m.ID = id
	n, err := strconv.Atoi(strings.TrimPrefix(id, "k"))
	if err != nil {
		panic("the workers of a set are called k0, k1, … or 0, 1, …: " + id)
	}
	for _, d := range []*time.Duration{&m.Faults.Slow, &m.Faults.Stop} {
		if *d > 0 {
			*d += time.Duration(n) * time.Millisecond
		}
	}
	return &m
}

// patience returns how long a child may take to stop.
func patience(b *branch) time.Duration {
	switch {
	case b.Shutdown != 0:
		return b.Shutdown
	case b.Kind != aWorker:
		return sup.Infinity
	}
	return sup.DefaultShutdown
}

// bound returns an intensity with its defaults filled in.
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
	err  error // of the engine: the error behind the answer
}

// result is what followed from a command.
type result struct {
	events   []event
	answers  []answer
	snapshot []string
	ended    string // how the root has ended, if it has
}

// ordered puts events whose order the contract leaves open into a fixed order. These
// are the events of workers of one set that start or stop concurrently (S7, X3).
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
	up := scenario.Parent(a.path)
	if b.path >= a.path || up != scenario.Parent(b.path) || !sets[up] {
		return false
	}
	return isStart(a.what) && isStart(b.what) || strings.HasPrefix(a.what, "stop") && strings.HasPrefix(b.what, "stop")
}

// isStart reports whether an event is part of a start.
func isStart(what string) bool {
	return what == "init" || what == "start" || what == "ignore"
}

// addSets adds the paths of the sets in a branch.
func addSets(b *branch, path string, into map[string]bool) {
	if b.IsSet() {
		into[path] = true
		return
	}
	for _, c := range b.Children {
		addSets(c, scenario.Join(path, c.ID), into)
	}
}
