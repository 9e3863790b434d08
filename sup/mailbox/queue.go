package mailbox

// An item is a message in the queue.
type item[M any] struct {
	message M
	asked   *asking // the request that it is, or nil
}

// A queue is a ring that grows when it is full, so that a large capacity costs
// nothing until it is used, and shrinks when it is all but empty, so that the memory
// of a burst is given back. Either way it is half full then, or as short as it gets:
// what comes and goes at a border does not have it copied again and again.
type queue[M any] struct {
	ring    []item[M] // its length is a power of two, or 0
	head, n int
}

// kept is the length to which a ring does not shrink further.
const kept = 1024

func (q *queue[M]) push(it item[M]) {
	if q.n == len(q.ring) {
		q.resize(max(8, 2*len(q.ring)))
	}
	q.ring[(q.head+q.n)&(len(q.ring)-1)] = it
	q.n++
}

// pop takes the oldest item out of a queue that is not empty.
func (q *queue[M]) pop() item[M] {
	slot := &q.ring[q.head]
	it := *slot
	*slot = item[M]{} // let go of the message
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	return it
}

// trim gives memory back that is too much for what has been left by pop, which does
// not call it, so as to be inlined.
func (q *queue[M]) trim() {
	if len(q.ring) > kept && q.n < len(q.ring)/16 {
		q.shrink()
	}
}

// shrink is what trim seldom does, and is kept out of what it is inlined into.
//
//go:noinline
func (q *queue[M]) shrink() {
	for len(q.ring) > kept && q.n < len(q.ring)/16 {
		q.resize(max(kept, len(q.ring)/8))
	}
}

// resize makes the ring longer, or shorter than it is but long enough: what does not
// fit then is empty.
func (q *queue[M]) resize(length int) {
	ring := make([]item[M], length)
	n := copy(ring, q.ring[q.head:])
	copy(ring[n:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}
