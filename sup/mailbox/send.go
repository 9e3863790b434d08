package mailbox

import "context"

// Send puts a message into the mailbox. If the mailbox is full it waits for room.
// Waiting senders are served in the order in which they came.
//
// Send returns [ErrClosed] if the mailbox is closed, and an error that wraps the cause
// of ctx if ctx ends first. In both cases the message is not sent.
func (b *Mailbox[M]) Send(ctx context.Context, message M) error {
	return b.send(ctx, "send", item[M]{message: message})
}

// TrySend puts a message into the mailbox if there is room. Otherwise it returns
// [ErrFull], or [ErrClosed] if the mailbox is closed.
func (b *Mailbox[M]) TrySend(message M) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.offerLocked(item[M]{message: message})
}

func (b *Mailbox[M]) send(ctx context.Context, call string, it item[M]) error {
	if err := ended(ctx, call); err != nil {
		return err
	}
	b.mu.Lock()
	err := b.offerLocked(it)
	if err != ErrFull {
		b.mu.Unlock()
		return err
	}
	w := b.newWaiter()
	w.delivery.message, w.delivery.call = it.message, it.call
	b.senders.join(w)
	b.mu.Unlock()

	select {
	case <-w.ready:
		err = w.err
	case <-ctx.Done():
		if err = ended(ctx, call); !b.withdraw(&b.senders, w) {
			<-w.ready // settled at the same moment
			err = w.err
		}
	}
	b.reuse(w)
	return err
}
