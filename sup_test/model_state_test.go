package sup_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// model is what the contract says a tree does: a state, and for each command
// and each moment at which something is due the state that follows. It was
// written from SEMANTICS.md and the documentation of sup alone.
//
// Where the contract leaves open what happens, silent says why, and the rest of
// the case is not compared.
type model struct {
	now       time.Duration
	root      *node
	attempts  map[string]int // to start each worker
	calls     int
	silent    string
	departed  delta // where the contract has departed from OTP, last
	gaveUp    *node // N2: the supervisor
	result          // of the present command
	rootCall  int   // the start of the root that has not been answered
	stopCalls []int
	ghosts    []*node // incarnations that were abandoned, and are there yet
}

const never = time.Duration(math.MaxInt64)

// node is a child, or the root.
type node struct {
	b    *branch
	path string
	up   *node // nil for the root

	state      sup.State
	inc        int
	restarts   int
	last       sup.ExitKind
	held       bool // an operator stopped it: rounds leave it alone (T4)
	dropped    bool
	queued     bool // its failure is in line to be decided
	missed     int  // restarts in a row that have failed (F4)
	lack       bool // its start has failed because the host has run out of something (F4)
	removing   bool // a Remove waits for it to stop
	fresh      bool // a StartChild waits for it to start
	asked      asked
	ends       time.Duration // when the step that it is in ends by itself
	limit      time.Duration // when it is stuck, or its start has timed out
	lived      time.Duration // since when it has been ready; never if it was not
	again      time.Duration // when its backoff is over
	row        int           // failures in a row (B1)
	spent      []time.Duration
	starter    int   // the operator's call that waits for it to be ready
	stoppers   []int // those that wait for it to stop
	restarting bool  // its start is a restart, for which nobody asked
	dying      bool  // its Run has returned, and its supervisor does not know yet

	// Of a supervisor that is up.
	kids    []*node
	task    *task
	counts  []time.Duration
	waiting *task   // the round that waits for the turn of its lead, or for its backoff
	queue   []*node // those whose failures are in line
	pushing bool
}

// asked is who has asked an incarnation to stop.
type asked uint8

const (
	byNobody asked = iota
	byRound
	byOperator
	byShutdown
	byTimeout
)

// task is what a supervisor is doing: starting, a round, or ending. One at a
// time.
type task struct {
	kind      taskKind
	phase     phase
	lead      *node   // of a round: whose failure it was
	members   []*node // in start order
	next      int     // the member that is being stopped or started
	delay     time.Duration
	exit      sup.ExitKind // of ending
	endAfter  bool         // starting: a significant child has ended meanwhile
	cancelled bool         // ending because its start was cancelled
	failed    bool         // ending because a child could not be started
	lack      bool         // which was for want of something that the host has run out of
}

type taskKind uint8

const (
	starting taskKind = iota
	round
	ending
)

type phase uint8

const (
	stoppingPhase phase = iota
	startingPhase
)

func newModel(root *branch) *model {
	return &model{
		root:     newNode(root, nil),
		attempts: make(map[string]int),
	}
}

func newNode(b *branch, up *node) *node {
	n := &node{b: b, up: up, ends: never, limit: never, lived: never, again: never}
	if up != nil {
		n.path = b.ID
		if up.path != "" {
			n.path = up.path + "/" + b.ID
		}
	}
	return n
}

// alone: its children are restarted alone (T1).
func (s *node) alone() bool { return s.b.IsSet() || s.b.Strategy == sup.OneForOne }

// atRest: it is down and nothing but a call or a round brings it back.
func (c *node) atRest() bool {
	return c.dropped || c.state == sup.StateStopped || c.state == sup.StateQuarantined || c.state == sup.StateIdle
}

// down: no incarnation of it is there.
func (c *node) down() bool { return c.atRest() || c.state == sup.StateRestarting }

// is the supervisor one that takes calls?
func (s *node) serving() bool {
	up := s.state == sup.StateRunning || s.state == sup.StateStarting
	return up && (s.task == nil || s.task.kind != ending)
}

func (m *model) find(path string) *node {
	n := m.root
	for n.path != path {
		i := slices.IndexFunc(n.kids, func(k *node) bool {
			return k.path == path || len(path) > len(k.path) && path[:len(k.path)+1] == k.path+"/"
		})
		if i < 0 {
			return nil
		}
		n = n.kids[i]
	}
	return n
}

// all visits the nodes that are there, each before those below it.
func (n *node) all(visit func(*node)) {
	visit(n)
	for _, k := range n.kids {
		k.all(visit)
	}
}

func (m *model) emit(what string, c *node) {
	m.events = append(m.events, event{at: m.now, what: what, path: c.path, inc: c.inc})
}

func (m *model) reply(call int, is string) {
	if call != 0 {
		m.answers = append(m.answers, answer{call: call, at: m.now, is: is})
	}
}

// unsaid notes that the contract does not say what happens now.
func (m *model) unsaid(why string) {
	if m.silent == "" {
		m.silent = why
	}
}

// declaredKids are those that a supervisor has when it starts.
func declaredKids(s *node) (kids []*node) {
	switch s.b.Kind {
	case aSupervisor:
		for _, b := range s.b.Children {
			kids = append(kids, newNode(b, s))
		}
	case aReplicas:
		for i := range s.b.Size {
			kids = append(kids, newNode(member(s.b, strconv.Itoa(i)), s))
		}
	}
	return kids
}

// snapshot is what queries show (O7).
func (m *model) snapshotNow() (lines []string) {
	if m.root.state == sup.StateIdle || m.root.state == sup.StateStopped {
		return nil
	}
	var show func(s *node)
	show = func(s *node) {
		if s.task == nil || s.task.kind != ending {
			lines = append(lines, fmt.Sprintf("%s/ %d", s.path, s.within(m.now)))
		}
		for _, c := range s.kids {
			lines = append(lines, childLine(c.path, c.state, c.inc, c.restarts, c.last))
			if c.b.Kind != aWorker && (c.state == sup.StateRunning || c.state == sup.StateStopping) {
				show(c)
			}
		}
	}
	show(m.root)
	return lines
}

// within is how many counts the window holds.
func (s *node) within(now time.Duration) (n int) {
	limit := bound(s.b.Intensity)
	if limit.Restarts < 0 {
		return 0
	}
	for _, at := range s.counts {
		if now-at <= limit.Within {
			n++
		}
	}
	return n
}

func childLine(path string, state sup.State, inc, restarts int, last sup.ExitKind) string {
	return fmt.Sprintf("%s %v #%d restarts=%d last=%v", path, state, inc, restarts, last)
}
