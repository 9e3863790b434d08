package mailbox

import (
	"context"
	"iter"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// Receive takes the next message. If the mailbox is empty it waits for one. Waiting
// receivers are served in the order in which they came. The message belongs to the
// caller: it is lost if the worker fails, and the caller of [Ask] is not notified. A
// worker that must lose nothing uses [Mailbox.Process].
//
// Receive returns [ErrClosed] if the mailbox is closed and empty, and an error that
// wraps the cause of ctx if ctx has ended, even if there are messages. In both cases no
// message is taken.
func (b *Mailbox[M]) Receive(ctx context.Context) (M, error) {
	var p delivery[M]
	_, err := b.receive(ctx, "receive", &p, nil)
	return p.message, err
}

// TryReceive takes the next message if there is one. Otherwise it returns [ErrEmpty],
// or [ErrClosed] if the mailbox is closed too.
func (b *Mailbox[M]) TryReceive() (M, error) {
	var p delivery[M]
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.takeLocked(&p)
	return p.message, err
}

// All returns an iterator that takes the messages one by one, like [Mailbox.Receive].
// It waits for more, and ends when the mailbox is closed and empty or ctx has ended.
// Each message is taken when the loop gets to it, so leaving the loop loses none.
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

// receive implements Receive. It reports late if it received a message at the moment
// when ctx ended. The message cannot be returned to its place then, because later
// receivers may have received theirs. While it waits it beats with each tick.
func (b *Mailbox[M]) receive(ctx context.Context, call string, p *delivery[M], tick <-chan time.Time) (late bool, err error) {
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
			if *p, err = w.delivery, w.err; p.isAbandoned() {
				err = b.resume(w, p)
			}
		case <-ctx.Done():
			if err = ended(ctx, call); !b.withdraw(&b.receivers, w) {
				<-w.ready
				if !w.delivery.isAbandoned() {
					*p, err, late = w.delivery, w.err, true
				}
			}
		case <-tick:
			sup.Beat(ctx)
		}
	}
	b.reuse(w)
	return late, err
}

// resume takes the next message for a waiter that received an abandoned request, or
// returns the waiter to its place.
func (b *Mailbox[M]) resume(w *waiter[M], p *delivery[M]) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	*p, w.delivery = delivery[M]{}, delivery[M]{}
	err := b.takeLocked(p)
	if err == ErrEmpty {
		b.receivers.rejoin(w)
	}
	return err
}
