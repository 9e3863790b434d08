package sup_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// model is what the contract says a tree does. It is a state, with a next state for
// each command and for each moment at which something is due. It was written from
// SEMANTICS.md and the documentation of sup alone.
//
// If the contract leaves open what happens, silent says why, and the rest of the case
// is not compared.
type model struct {
	now       time.Duration
	root      *node
	attempts  map[string]int // attempts to start each worker
	calls     int
	silent    string
	departed  delta // the last departure of the contract from OTP
	gaveUp    *node // N2: the supervisor that gave up
	result          // of the current command
	rootCall  int   // the unanswered start of the root
	stopCalls []int
	ghosts    []*node // abandoned incarnations that have not returned
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
	held       bool // stopped by an operator, so rounds leave it alone (T4)
	dropped    bool
	queued     bool // its failure is queued
	missed     int  // failed restarts in a row (F4)
	lack       bool // its start failed because the host lacked a resource (F4)
	removing   bool // a RemoveChild waits for it to stop
	fresh      bool // a StartChild waits for it to start
	asked      asked
	ends       time.Duration // when the current step ends by itself
	limit      time.Duration // when it is stuck, or its start times out
	lived      time.Duration // ready since then; never if it was not ready
	again      time.Duration // when its backoff is over
	row        int           // failures in a row (B1)
	spent      []time.Duration
	starter    int   // the operator call that waits for it to be ready
	stoppers   []int // operator calls that wait for it to stop
	replacer   int   // the call of Replace that waits for it to stop; nobody if that has returned
	replacing  bool  // its start is that of a replacement, which siblings rely on
	restarting bool  // its start is a restart without an operator's request
	dying      bool  // its Run has returned, and its supervisor does not know yet

	// Set for a supervisor that is up.
	kids    []*node
	task    *task
	counts  []time.Duration
	waiting *task   // the round that waits for its turn or for a backoff
	queue   []*node // children with queued failures
	pushing bool
}

// asked is the origin of a request to stop an incarnation.
type asked uint8

const (
	byNobody asked = iota
	byRound
	byOperator
	byShutdown
	byTimeout
	byReplace
)

// nobody stands in for a call that no longer waits.
const nobody = -1

// task is what a supervisor is doing: starting, a round, or ending. It has one task at
// a time.
type task struct {
	kind      taskKind
	phase     phase
	lead      *node   // of a round: the child whose failure caused it
	members   []*node // in start order
	next      int     // the member that is being stopped or started
	delay     time.Duration
	exit      sup.ExitKind // of ending
	endAfter  bool         // starting: a significant child has ended meanwhile
	cancelled bool         // ending because its start was cancelled
	failed    bool         // ending because a child could not be started
	lack      bool         // that failure was a lack of resources on the host
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

// alone reports whether the supervisor restarts its children alone (T1).
func (s *node) alone() bool { return s.b.IsSet() || s.b.Strategy == sup.OneForOne }

// atRest reports whether c is down, and only a call or a round brings it back.
func (c *node) atRest() bool {
	return c.dropped || c.state == sup.StateStopped || c.state == sup.StateQuarantined || c.state == sup.StateIdle
}

// down reports whether c has no incarnation.
func (c *node) down() bool { return c.atRest() || c.state == sup.StateRestarting }

// serving reports whether the supervisor accepts calls.
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

// all calls visit for every existing node, each before its children.
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
	if call > 0 {
		m.answers = append(m.answers, answer{call: call, at: m.now, is: is})
	}
}

// unsaid records that the contract does not say what happens now.
func (m *model) unsaid(why string) {
	if m.silent == "" {
		m.silent = why
	}
}

// declaredKids returns the children that a supervisor has when it starts.
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

// snapshotNow returns what queries show (O7).
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

// within returns the number of counts in the window.
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
