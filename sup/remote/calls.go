package remote

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
	"google.golang.org/protobuf/proto"
)

// maxLooks is how many answers to one peer are under way. More wait.
const maxLooks = 4

// calls counts the requests of each peer, in all its connections.
type calls struct {
	limit int // for each

	mu    sync.Mutex
	peers map[string]*peerCalls
}

// peerCalls are the requests of one peer.
type peerCalls struct {
	looks *semaphore.Weighted
	n     int // under way; guarded by calls.mu
}

// begin counts a request of a peer. It returns nil if there are as many as may be.
func (c *calls) begin(name string) *peerCalls {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.peers[name]
	if p == nil {
		p = &peerCalls{looks: semaphore.NewWeighted(maxLooks)}
		c.peers[name] = p
	}
	if p.n == c.limit {
		return nil
	}
	p.n++
	return p
}

func (c *calls) end(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.peers[name]
	if p.n--; p.n == 0 {
		delete(c.peers, name)
	}
}

// streams counts the streams of events. A few are not for viewers, so they cannot
// keep an operator from watching.
type streams struct {
	limit int

	mu sync.Mutex
	n  int
}

// most is how many streams there may be, so that another one of a role begins.
func (s *streams) most(role Role) int {
	if role == Operator {
		return s.limit
	}
	return withoutReserve(s.limit)
}

// begin counts a stream, unless there are as many as may be.
func (s *streams) begin(role Role) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n >= s.most(role) {
		return false
	}
	s.n++
	return true
}

func (s *streams) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n--
}

// answers bounds the memory that answers to looks take, which are as large as the
// tree, while they are made and until the client has read them. Viewers and
// operators have bounds of their own, so no viewer keeps an operator waiting.
type answers struct {
	making *semaphore.Weighted // answers whose size is not known yet
	room   *semaphore.Weighted // bytes
	size   int64               // of room
}

// maxMaking is how many answers are made at a time.
const maxMaking = 8

func newAnswers(bytes int) *answers {
	return &answers{semaphore.NewWeighted(maxMaking), semaphore.NewWeighted(int64(bytes)), int64(bytes)}
}

// A look is an answer that is under way. It belongs to one goroutine.
type look struct {
	answers *answers
	peer    *peerCalls
	making  bool
	held    int64
}

// begin waits until another answer may be made for a peer. It returns an error if
// ctx ends first.
func (a *answers) begin(ctx context.Context, peer *peerCalls) (*look, error) {
	if err := peer.looks.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	if err := a.making.Acquire(ctx, 1); err != nil {
		peer.looks.Release(1)
		return nil, err
	}
	return &look{answers: a, peer: peer, making: true}, nil
}

// expansion is what a message takes in memory, with what it is encoded into, for
// each byte of its encoding.
const expansion = 4

// hold waits until there is room for an answer that has been made. One that is
// larger than all the room takes all of it.
func (l *look) hold(ctx context.Context, m proto.Message) error {
	n := min(int64(proto.Size(m))*expansion, l.answers.size)
	if err := l.answers.room.Acquire(ctx, n); err != nil {
		return err
	}
	l.held = n
	l.made()
	return nil
}

// made lets the next answer be made.
func (l *look) made() {
	if l.making {
		l.making = false
		l.answers.making.Release(1)
	}
}

// end is called when the answer has been written, or given up.
func (l *look) end() {
	l.made()
	l.answers.room.Release(l.held)
	l.peer.looks.Release(1)
}
