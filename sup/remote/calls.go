package remote

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
	"google.golang.org/protobuf/proto"
)

// maxLooks is how many answers to one peer are under way. More wait.
const maxResponsesPerClient = 4

// calls counts the requests of each peer, in all its connections.
type requestLimit struct {
	limit int // for each

	mu    sync.Mutex
	peers map[string]*clientRequests
}

// peerCalls are the requests of one peer.
type clientRequests struct {
	responses *semaphore.Weighted
	n         int // under way; guarded by calls.mu
}

// begin counts a request of a peer. It returns nil if there are as many as may be.
func (c *requestLimit) begin(name string) *clientRequests {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.peers[name]
	if p == nil {
		p = &clientRequests{responses: semaphore.NewWeighted(maxResponsesPerClient)}
		c.peers[name] = p
	}
	if p.n == c.limit {
		return nil
	}
	p.n++
	return p
}

func (c *requestLimit) end(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := c.peers[name]
	if p.n--; p.n == 0 {
		delete(c.peers, name)
	}
}

// streams counts the streams of events. A few are not for viewers, so they cannot
// keep an operator from watching.
type streamLimit struct {
	limit int

	mu sync.Mutex
	n  int
}

// most is how many streams there may be, so that another one of a role begins.
func (s *streamLimit) maxFor(role Role) int {
	if role == Operator {
		return s.limit
	}
	return viewerShare(s.limit)
}

// begin counts a stream, unless there are as many as may be.
func (s *streamLimit) begin(role Role) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.n >= s.maxFor(role) {
		return false
	}
	s.n++
	return true
}

func (s *streamLimit) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.n--
}

// answers bounds the memory that answers to looks take, which are as large as the
// tree, while they are made and until the client has read them. Viewers and
// operators have bounds of their own, so no viewer keeps an operator waiting.
type responseLimit struct {
	encoding *semaphore.Weighted // answers whose size is not known yet
	memory   *semaphore.Weighted // bytes
	size     int64               // of room
}

// maxMaking is how many answers are made at a time.
const maxEncoding = 8

func newResponseLimit(bytes int) *responseLimit {
	return &responseLimit{semaphore.NewWeighted(maxEncoding), semaphore.NewWeighted(int64(bytes)), int64(bytes)}
}

// A look is an answer that is under way. It belongs to one goroutine.
type response struct {
	limit    *responseLimit
	client   *clientRequests
	encoding bool
	held     int64
}

// begin waits until another answer may be made for a peer. It returns an error if
// ctx ends first.
func (a *responseLimit) begin(ctx context.Context, peer *clientRequests) (*response, error) {
	if err := peer.responses.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	if err := a.encoding.Acquire(ctx, 1); err != nil {
		peer.responses.Release(1)
		return nil, err
	}
	return &response{limit: a, client: peer, encoding: true}, nil
}

// expansion is what a message takes in memory, with what it is encoded into, for
// each byte of its encoding.
const memoryPerByte = 4

// hold waits until there is room for an answer that has been made. One that is
// larger than all the room takes all of it.
func (l *response) reserve(ctx context.Context, m proto.Message) error {
	n := min(int64(proto.Size(m))*memoryPerByte, l.limit.size)
	if err := l.limit.memory.Acquire(ctx, n); err != nil {
		return err
	}
	l.held = n
	l.encoded()
	return nil
}

// made lets the next answer be made.
func (l *response) encoded() {
	if l.encoding {
		l.encoding = false
		l.limit.encoding.Release(1)
	}
}

// end is called when the answer has been written, or given up.
func (l *response) end() {
	l.encoded()
	l.limit.memory.Release(l.held)
	l.client.responses.Release(1)
}
