package mailbox

// A waiter is a call of Send or Receive that waits for its turn. It is reused.
// Except for ready, the mailbox's lock protects it, until it is settled; then it
// is the waiting call's.
type waiter[M any] struct {
	ready      chan struct{} // holds a token once the waiter is settled
	err        error         // what the call returns, then
	parcel     parcel[M]     // what a Receive gets; of what a Send sends, message and asked
	standing   bool          // in a line
	turn       uint64        // when it came to that; the first is 1
	prev, next *waiter[M]
}

// A line is of those who wait, first come, first served.
type line[M any] struct {
	first, last *waiter[M]
	turns       uint64 // that were given out
}

func (l *line[M]) join(w *waiter[M]) {
	l.turns++
	w.turn = l.turns
	l.insert(w, nil)
}

// rejoin has a waiter stand where it stood before, behind those who came earlier.
func (l *line[M]) rejoin(w *waiter[M]) {
	next := l.first
	for next != nil && next.turn < w.turn {
		next = next.next
	}
	l.insert(w, next)
}

// insert has a waiter stand before next, or, if that is nil, behind all others; of
// whom it reads nothing then, as that would wait for another core's cache.
func (l *line[M]) insert(w, next *waiter[M]) {
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
	w.standing, w.prev, w.next = true, prev, next
}

func (l *line[M]) leave(w *waiter[M]) {
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
	w.standing, w.prev, w.next = false, nil, nil
}

// settle takes a waiter out of its line, with what its call returns.
func (l *line[M]) settle(w *waiter[M], err error) {
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

// reuse takes back a waiter that is in no line.
func (b *Mailbox[M]) reuse(w *waiter[M]) {
	w.parcel, w.err = parcel[M]{}, nil // let go of the message
	b.waiters.Put(w)
}

// withdraw takes a waiter out of its line, and reports false if it is settled.
func (b *Mailbox[M]) withdraw(l *line[M], w *waiter[M]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !w.standing {
		return false
	}
	l.leave(w)
	return true
}
