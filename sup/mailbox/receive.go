package mailbox

import (
	"context"
	"iter"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// Receive takes the next message out of the mailbox, and waits for one if it is
// empty. Those who wait are served in the order in which they came. What is taken
// is the caller's: if the worker dies with it, it is lost, and if it is a [Call],
// nobody tells the asker. [Mailbox.Process] is for workers that must lose nothing.
//
// Errors: [ErrClosed] if the mailbox is closed and empty; the cause of ctx, if
// that had ended before, even if there are messages, or ends while Receive waits.
// No message is taken then.
func (b *Mailbox[M]) Receive(ctx context.Context) (M, error) {
	var p parcel[M]
	_, err := b.receive(given(ctx), "receive", &p, nil)
	return p.message, err
}

// TryReceive takes the next message if there is one. Errors: [ErrEmpty];
// [ErrClosed] if the mailbox is closed and empty.
func (b *Mailbox[M]) TryReceive() (M, error) {
	var p parcel[M]
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.takeLocked(&p)
	return p.message, err
}

// All returns an iterator that takes the messages out of the mailbox, one by
// one as [Mailbox.Receive] does, and waits for more. It ends when the mailbox is
// closed and empty, and when ctx has ended. A message is taken when it is its
// turn: to leave the loop loses none.
func (b *Mailbox[M]) All(ctx context.Context) iter.Seq[M] {
	return func(yield func(M) bool) {
		for {
			message, err := b.Receive(ctx)
			if err != nil || !yield(message) {
				return
			}
		}
	}
}

// receive is Receive. It reports late if it was handed a message at the moment in
// which ctx ended: those who came after it might have got theirs, so it keeps it.
// While it waits it beats with each tick.
func (b *Mailbox[M]) receive(ctx context.Context, call string, p *parcel[M], tick <-chan time.Time) (late bool, err error) {
	if err := ended(ctx, call); err != nil {
		return false, err
	}
	b.mu.Lock()
	err = b.takeLocked(p)
	if err != ErrEmpty {
		b.mu.Unlock()
		return false, err
	}
	w := b.newWaiter()
	b.receivers.join(w)
	b.mu.Unlock()

	for err == ErrEmpty {
		select {
		case <-w.ready:
			if *p, err = w.parcel, w.err; p.gone() {
				err = b.resume(w, p)
			}
		case <-ctx.Done():
			if err = ended(ctx, call); !b.withdraw(&b.receivers, w) {
				<-w.ready
				if !w.parcel.gone() {
					*p, err, late = w.parcel, w.err, true
				}
			}
		case <-tick:
			sup.Beat(ctx)
		}
	}
	b.reuse(w)
	return late, err
}

// resume is for a waiter that was handed a request which is gone: it takes the next
// message, or stands again where it stood.
func (b *Mailbox[M]) resume(w *waiter[M], p *parcel[M]) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	*p, w.parcel = parcel[M]{}, parcel[M]{}
	err := b.takeLocked(p)
	if err == ErrEmpty {
		b.receivers.rejoin(w)
	}
	return err
}
