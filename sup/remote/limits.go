package remote

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
	"google.golang.org/protobuf/proto"
)

// maxResponsesPerClient is the number of large responses to one client that are in
// progress at a time. Further ones wait.
const maxResponsesPerClient = 4

// A requestLimit limits the concurrent requests of each client, in all its
// connections.
type requestLimit struct {
	limit int // for each client

	mu      sync.Mutex
	clients map[string]*clientRequests
}

// clientRequests are the requests of one client.
type clientRequests struct {
	responses *semaphore.Weighted
	n         int // in progress; guarded by requestLimit.mu
}

// begin counts a request of a client. It returns nil if the limit is reached.
func (l *requestLimit) begin(client string) *clientRequests {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.clients[client]
	if c == nil {
		c = &clientRequests{responses: semaphore.NewWeighted(maxResponsesPerClient)}
		l.clients[client] = c
	}
	if c.n == l.limit {
		return nil
	}
	c.n++
	return c
}

func (l *requestLimit) end(client string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.clients[client]
	if c.n--; c.n == 0 {
		delete(l.clients, client)
	}
}

// A streamLimit limits the event streams. Some are reserved for operators, so that
// viewers cannot keep an operator from watching.
type streamLimit struct {
	limit int

	mu sync.Mutex
	n  int
}

// maxFor returns the limit for a role.
func (l *streamLimit) maxFor(role Role) int {
	if role == Operator {
		return l.limit
	}
	return viewerShare(l.limit)
}

// begin counts a stream. It returns false if the limit for the role is reached.
func (l *streamLimit) begin(role Role) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.n >= l.maxFor(role) {
		return false
	}
	l.n++
	return true
}

func (l *streamLimit) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n--
}

// viewerShare returns how many of n places viewers may take. The rest is reserved
// for operators.
func viewerShare(n int) int { return max(n-max(n/8, 1), 1) }

// A responseLimit limits the memory of responses that are as large as the tree, from
// encoding until the client has read them. Viewers and operators have separate
// limits, so no viewer makes an operator wait.
type responseLimit struct {
	encoding *semaphore.Weighted // responses whose size is not known yet
	memory   *semaphore.Weighted // bytes
	size     int64               // of memory
}

// maxEncoding is the number of responses that are encoded at a time.
const maxEncoding = 8

func newResponseLimit(bytes int) *responseLimit {
	return &responseLimit{semaphore.NewWeighted(maxEncoding), semaphore.NewWeighted(int64(bytes)), int64(bytes)}
}

// A response is a large response in progress. One goroutine uses it.
type response struct {
	limit    *responseLimit
	client   *clientRequests
	encoding bool
	held     int64
}

// begin waits until another response to a client may be encoded. It returns an error
// if ctx ends first.
func (l *responseLimit) begin(ctx context.Context, client *clientRequests) (*response, error) {
	if err := client.responses.Acquire(ctx, 1); err != nil {
		return nil, err
	}
	if err := l.encoding.Acquire(ctx, 1); err != nil {
		client.responses.Release(1)
		return nil, err
	}
	return &response{limit: l, client: client, encoding: true}, nil
}

// memoryPerByte is the memory of a message and its encoding, for each encoded byte.
const memoryPerByte = 4

// reserve waits until there is memory for a message. A message larger than the
// limit takes all of it.
func (r *response) reserve(ctx context.Context, m proto.Message) error {
	n := min(int64(proto.Size(m))*memoryPerByte, r.limit.size)
	if err := r.limit.memory.Acquire(ctx, n); err != nil {
		return err
	}
	r.held = n
	r.encoded()
	return nil
}

// encoded permits the next response to be encoded.
func (r *response) encoded() {
	if r.encoding {
		r.encoding = false
		r.limit.encoding.Release(1)
	}
}

// end is called when the response has been written or abandoned.
func (r *response) end() {
	r.encoded()
	r.limit.memory.Release(r.held)
	r.client.responses.Release(1)
}
