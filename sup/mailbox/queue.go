package mailbox

// An item is a message in the queue.
type item[M any] struct {
	message M
	asked   *asking // the request that it is, or nil
}

// A queue is a ring that grows as needed, so that a large capacity costs nothing
// until it is used.
type queue[M any] struct {
	ring    []item[M] // its length is a power of two, or 0
	head, n int
}

// kept is how many items a queue keeps room for once it has been emptied.
const kept = 1024

func (q *queue[M]) push(it item[M]) {
	if q.n == len(q.ring) {
		q.grow()
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
	if q.n == 0 && len(q.ring) > kept {
		q.ring, q.head = nil, 0
	}
	return it
}

func (q *queue[M]) grow() {
	ring := make([]item[M], max(8, 2*len(q.ring)))
	n := copy(ring, q.ring[q.head:])
	copy(ring[n:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}
