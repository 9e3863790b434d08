package mailbox

// A waiter is a call of Send or Receive that waits. Waiters are reused. The lock of
// the mailbox protects all fields except ready until the waiter is settled. Then they
// belong to the waiting call.
type waiter[M any] struct {
	ready      chan struct{} // holds a token once the waiter is settled
	err        error         // the result of the call once settled
	delivery   delivery[M]   // received by a Receive; message and call are set by a Send
	queued     bool          // set while in a wait queue
	place      uint64        // place in the order of arrival, from 1
	prev, next *waiter[M]
}

// A waitQueue is a first-in, first-out list of waiters.
type waitQueue[M any] struct {
	first, last *waiter[M]
	places      uint64 // number of places given out
}

func (l *waitQueue[M]) join(w *waiter[M]) {
	l.places++
	w.place = l.places
	l.insert(w, nil)
}

// rejoin returns a waiter to its former place, behind the waiters that came earlier.
func (l *waitQueue[M]) rejoin(w *waiter[M]) {
	next := l.first
	for next != nil && next.place < w.place {
		next = next.next
	}
	l.insert(w, next)
}

// insert puts a waiter before next, or at the end if next is nil. At the end it reads
// no fields of other waiters, because that would wait for the cache of another core.
func (l *waitQueue[M]) insert(w, next *waiter[M]) {
	prev := l.last
	if next != nil {
		prev, next.prev = next.prev, w
	} else {
		l.last = w
	}
	if prev != nil {
		prev.next = w
	} else {
		l.first = w
	}
	w.queued, w.prev, w.next = true, prev, next
}

func (l *waitQueue[M]) leave(w *waiter[M]) {
	if w.prev != nil {
		w.prev.next = w.next
	} else {
		l.first = w.next
	}
	if w.next != nil {
		w.next.prev = w.prev
	} else {
		l.last = w.prev
	}
	w.queued, w.prev, w.next = false, nil, nil
}

// settle removes a waiter from its queue and ends its call with err.
func (l *waitQueue[M]) settle(w *waiter[M], err error) {
	l.leave(w)
	w.err = err
	w.ready <- struct{}{}
}

func (b *Mailbox[M]) newWaiter() *waiter[M] {
	if w, ok := b.waiters.Get().(*waiter[M]); ok {
		return w
	}
	return &waiter[M]{ready: make(chan struct{}, 1)}
}

// reuse returns a waiter that is in no queue to the pool.
func (b *Mailbox[M]) reuse(w *waiter[M]) {
	w.delivery, w.err = delivery[M]{}, nil // release the message
	b.waiters.Put(w)
}

// withdraw removes a waiter from its queue. It reports false if the waiter is settled.
func (b *Mailbox[M]) withdraw(l *waitQueue[M], w *waiter[M]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !w.queued {
		return false
	}
	l.leave(w)
	return true
}
