package mailbox

// An item is a message in the queue.
type item[M any] struct {
	message M
	call    *pendingCall // the pending call if the message is a request, or nil
}

// A queue is a ring that grows when it is full, so that an unused capacity costs no
// memory, and shrinks when it is nearly empty, so that the memory of a burst is freed.
// After a resize it is half full or has its minimal length, so that a queue whose
// length varies around a limit is not copied again and again.
type queue[M any] struct {
	ring    []item[M] // its length is 0 or a power of two
	head, n int
}

// minShrunk is the length below which a ring does not shrink.
const minShrunk = 1024

func (q *queue[M]) push(it item[M]) {
	if q.n == len(q.ring) {
		q.resize(max(8, 2*len(q.ring)))
	}
	q.ring[(q.head+q.n)&(len(q.ring)-1)] = it
	q.n++
}

// pop removes and returns the oldest item. The queue must not be empty.
func (q *queue[M]) pop() item[M] {
	slot := &q.ring[q.head]
	it := *slot
	*slot = item[M]{} // release the message
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	return it
}

// trim frees memory that the queue no longer needs. pop does not call it, so that pop
// can be inlined.
func (q *queue[M]) trim() {
	if len(q.ring) > minShrunk && q.n < len(q.ring)/16 {
		q.shrink()
	}
}

// shrink is the rare part of trim, which is inlined without it.
//
//go:noinline
func (q *queue[M]) shrink() {
	for len(q.ring) > minShrunk && q.n < len(q.ring)/16 {
		q.resize(max(minShrunk, len(q.ring)/8))
	}
}

// resize sets the length of the ring, which must be long enough for the items.
func (q *queue[M]) resize(length int) {
	ring := make([]item[M], length)
	n := copy(ring, q.ring[q.head:])
	copy(ring[n:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}
