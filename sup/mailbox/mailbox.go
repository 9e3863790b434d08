package mailbox

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
)

// DefaultCapacity is how many messages wait in a [Mailbox] of which nothing
// else was said.
const DefaultCapacity = 100

// Unbounded is the capacity of a [Mailbox] that is never full.
const Unbounded = math.MaxInt

// A Mailbox holds messages for workers. The package comment states what it
// guarantees. The zero value is empty, open and ready to use, with
// [DefaultCapacity]; a Mailbox must not be copied after first use. All methods
// are safe for concurrent use.
type Mailbox[M any] struct {
	mu       sync.Mutex // protects what follows, but waiters; held for moments only
	queue    queue[M]
	stale    int         // requests in the queue whose askers have gone
	taken    uint64      // from the queue so far: the place in the order of the next
	back     []parcel[M] // came back from a Process; in order, and before the queue
	capacity int         // 0 for the default
	closed   bool

	// Receivers wait only while there is nothing to take, and senders only
	// while there is no room.
	receivers, senders line[M]
	processors         map[string]*processor[M] // those of supervised workers, by path

	waiters sync.Pool // of *waiter[M] that nobody uses
}

// A parcel is a message that was taken from the queue, with all that is known of
// it.
type parcel[M any] struct {
	message  M
	asked    *asking // the request that it is, or nil
	place    uint64  // in the order of arrival
	failures int     // deliveries to functions of Process that have failed
	reason   error   // how the last of these ended
	dead     bool    // it is with DeadLetter, or was
}

// gone reports that it is a request, and nobody waits for the reply any more. It is
// looked at when a parcel is taken, and again when whoever waited for that wakes up
// with it: the asker may have given up in between.
func (p *parcel[M]) gone() bool { return p.asked != nil && p.asked.settled.Load() }

// New returns a mailbox of a capacity, see [Mailbox.SetCapacity].
func New[M any](capacity int) *Mailbox[M] {
	b := new(Mailbox[M])
	b.SetCapacity(capacity)
	return b
}

// SetCapacity says how many messages may wait: from 1 to [Unbounded]; less than
// 1 is [DefaultCapacity]. Room is made as it is needed.
//
// It may be called at any time. Messages that are too many for a smaller
// capacity stay; sends wait, or fail, until there is room again.
func (b *Mailbox[M]) SetCapacity(capacity int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.capacity = max(capacity, 0)
	b.admitLocked()
}

// Cap returns the capacity, [Unbounded] if there is no limit.
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

// Len returns the number of messages that wait. A message that a worker is
// processing is not among them. There can be more than Cap says: messages that
// have come back from a worker are let in whether there is room or not.
func (b *Mailbox[M]) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.lenLocked()
}

func (b *Mailbox[M]) lenLocked() int { return b.queue.n - b.stale + len(b.back) }

// Close says that no more messages will be sent: every Send, those that wait
// included, fails with [ErrClosed]. What is in the mailbox stays, and can be
// received; when it is empty, those who receive get ErrClosed too. A message
// that a worker was processing comes back, if it does, to a closed mailbox as to
// an open one. To close a mailbox twice does nothing.
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

// offerLocked takes a message in, or says why not: ErrFull or ErrClosed.
func (b *Mailbox[M]) offerLocked(it item[M]) error {
	if b.closed {
		return ErrClosed
	}
	if w := b.receivers.first; w != nil {
		w.parcel = parcel[M]{message: it.message, asked: it.asked, place: b.taken}
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
	if it.asked != nil {
		it.asked.queued = true
	}
	b.queue.push(it)
}

// admitLocked lets senders in who wait, as far as there is room.
func (b *Mailbox[M]) admitLocked() {
	for w := b.senders.first; w != nil && b.lenLocked() < b.capacityLocked(); w = b.senders.first {
		b.pushLocked(item[M]{w.parcel.message, w.parcel.asked})
		b.senders.settle(w, nil)
	}
}

// takeLocked takes the next message out, or says why not: ErrEmpty or
// ErrClosed.
func (b *Mailbox[M]) takeLocked(p *parcel[M]) error {
	for len(b.back) > 0 {
		if b.takeBackLocked(p) {
			return nil
		}
	}
	for b.queue.n > 0 {
		it := b.queue.pop()
		b.queue.trim()
		place := b.taken
		b.taken++
		if it.asked != nil && b.droppedLocked(it.asked) {
			b.admitLocked()
			continue
		}
		if b.senders.first != nil {
			b.admitLocked()
		}
		*p = parcel[M]{message: it.message, asked: it.asked, place: place}
		return nil
	}
	if b.closed {
		return ErrClosed
	}
	return ErrEmpty
}

// takeBackLocked takes out the first of what has come back, and reports false if that
// is for nobody.
func (b *Mailbox[M]) takeBackLocked(p *parcel[M]) bool {
	first := b.back[0]
	b.back = slices.Delete(b.back, 0, 1)
	b.admitLocked()
	if first.gone() {
		return false
	}
	*p = first
	return true
}

// putBack puts a message back where it was in the order, unless it is a request
// that nobody waits for any more.
func (b *Mailbox[M]) putBack(p parcel[M]) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.gone() {
		return
	}
	if w := b.receivers.first; w != nil {
		w.parcel = p
		b.receivers.settle(w, nil)
		return
	}
	at, _ := slices.BinarySearchFunc(b.back, p.place, func(q parcel[M], place uint64) int {
		if q.place < place {
			return -1
		}
		return 1
	})
	b.back = slices.Insert(b.back, at, p)
}

// ended returns nil as long as ctx goes on, and then the error of a call that
// it has ended.
func ended(ctx context.Context, call string) error {
	if ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", call, context.Cause(ctx))
}

// given is ctx, or, where a caller has given none, one that never ends.
func given(ctx context.Context) context.Context {
	if ctx == nil {
		return context.Background()
	}
	return ctx
}
