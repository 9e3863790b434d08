package mailbox

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
)

// DefaultCapacity is the capacity of a [Mailbox] without another one.
const DefaultCapacity = 100

// Unbounded is the capacity of a [Mailbox] that is never full.
const Unbounded = math.MaxInt

// A Mailbox holds messages for workers. The package comment states its guarantees.
// The zero value is empty, open and ready to use, with [DefaultCapacity]. A Mailbox
// must not be copied after first use. All methods are safe for concurrent use.
type Mailbox[M any] struct {
	mu        sync.Mutex // protects the fields below except waiters; never held while anything blocks
	queue     queue[M]
	abandoned int           // number of requests in the queue whose callers have given up
	taken     uint64        // number of messages taken from the queue, and so the place of the next one
	returned  []delivery[M] // returned by a Process; in order, all before those in the queue
	capacity  int           // 0 means the default
	closed    bool

	// Receivers wait only while there is no message, and senders only while there
	// is no room.
	receivers, senders waitQueue[M]
	processors         map[string]*processor[M] // of supervised workers, by path

	waiters sync.Pool // of unused *waiter[M]
}

// A delivery is a message that was taken from the queue, and its history.
type delivery[M any] struct {
	message  M
	call     *pendingCall // the pending call if the message is a request, or nil
	place    uint64       // in the order of arrival
	failures int          // number of failed deliveries to functions of Process
	reason   error        // how the last failed delivery ended
	dead     bool         // set when DeadLetter has been called with it
}

// isAbandoned reports whether the message is a request whose caller has given up. It
// is checked when a delivery is taken, and again when a waiting receiver wakes up with
// it, because the caller may have given up in between.
func (p *delivery[M]) isAbandoned() bool { return p.call != nil && p.call.settled.Load() }

// New returns a mailbox with the given capacity. See [Mailbox.SetCapacity].
func New[M any](capacity int) *Mailbox[M] {
	b := new(Mailbox[M])
	b.SetCapacity(capacity)
	return b
}

// SetCapacity sets the number of messages that may wait, from 1 to [Unbounded]. A
// value below 1 means [DefaultCapacity]. Memory is allocated as needed.
//
// SetCapacity may be called at any time. Messages beyond a smaller capacity stay, and
// sends wait or fail until there is room again.
func (b *Mailbox[M]) SetCapacity(capacity int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.capacity = max(capacity, 0)
	b.admitLocked()
}

// Cap returns the capacity. It is [Unbounded] if there is no limit.
func (b *Mailbox[M]) Cap() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.capacityLocked()
}

func (b *Mailbox[M]) capacityLocked() int {
	if b.capacity == 0 {
		return DefaultCapacity
	}
	return b.capacity
}

// Len returns the number of waiting messages, without those that workers are
// processing. It can exceed Cap, because messages that return from a worker are
// always accepted.
func (b *Mailbox[M]) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lenLocked()
}

func (b *Mailbox[M]) lenLocked() int { return b.queue.n - b.abandoned + len(b.returned) }

// Close closes the mailbox for new messages. Every Send, including those that wait,
// returns [ErrClosed]. Messages in the mailbox can still be received. Once it is empty,
// receivers get ErrClosed too. A message that a worker was processing returns to a
// closed mailbox like to an open one. A second Close has no effect.
func (b *Mailbox[M]) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for b.senders.first != nil {
		b.senders.settle(b.senders.first, ErrClosed)
	}
	for b.receivers.first != nil {
		b.receivers.settle(b.receivers.first, ErrClosed)
	}
}

// offerLocked accepts a message, or returns ErrFull or ErrClosed.
func (b *Mailbox[M]) offerLocked(it item[M]) error {
	if b.closed {
		return ErrClosed
	}
	if w := b.receivers.first; w != nil {
		w.delivery = delivery[M]{message: it.message, call: it.call, place: b.taken}
		b.taken++
		b.receivers.settle(w, nil)
		return nil
	}
	if b.lenLocked() >= b.capacityLocked() {
		return ErrFull
	}
	b.pushLocked(it)
	return nil
}

func (b *Mailbox[M]) pushLocked(it item[M]) {
	if it.call != nil {
		it.call.queued = true
	}
	b.queue.push(it)
}

// admitLocked accepts the messages of waiting senders while there is room.
func (b *Mailbox[M]) admitLocked() {
	for w := b.senders.first; w != nil && b.lenLocked() < b.capacityLocked(); w = b.senders.first {
		b.pushLocked(item[M]{w.delivery.message, w.delivery.call})
		b.senders.settle(w, nil)
	}
}

// takeLocked takes the next message, or returns ErrEmpty or ErrClosed.
func (b *Mailbox[M]) takeLocked(p *delivery[M]) error {
	for len(b.returned) > 0 {
		if b.takeBackLocked(p) {
			return nil
		}
	}
	for b.queue.n > 0 {
		it := b.queue.pop()
		b.queue.trim()
		place := b.taken
		b.taken++
		if it.call != nil && b.leftQueueLocked(it.call) {
			b.admitLocked()
			continue
		}
		if b.senders.first != nil {
			b.admitLocked()
		}
		*p = delivery[M]{message: it.message, call: it.call, place: place}
		return nil
	}
	if b.closed {
		return ErrClosed
	}
	return ErrEmpty
}

// takeBackLocked takes the first returned message. It reports false if that is an
// abandoned request, which is dropped.
func (b *Mailbox[M]) takeBackLocked(p *delivery[M]) bool {
	first := b.returned[0]
	b.returned = slices.Delete(b.returned, 0, 1)
	b.admitLocked()
	if first.isAbandoned() {
		return false
	}
	*p = first
	return true
}

// putBack returns a message to its place in the order. An abandoned request is
// dropped.
func (b *Mailbox[M]) putBack(p delivery[M]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.isAbandoned() {
		return
	}
	if w := b.receivers.first; w != nil {
		w.delivery = p
		b.receivers.settle(w, nil)
		return
	}
	at, _ := slices.BinarySearchFunc(b.returned, p.place, func(q delivery[M], place uint64) int {
		if q.place < place {
			return -1
		}
		return 1
	})
	b.returned = slices.Insert(b.returned, at, p)
}

// ended returns the error of a call whose ctx has ended, or nil if it has not.
func ended(ctx context.Context, call string) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", call, context.Cause(ctx))
}
