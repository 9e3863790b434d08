package mailbox

import "context"

// Send puts a message into the mailbox, and waits for room if it is full. Those
// who wait are served in the order in which they came.
//
// Errors: [ErrClosed]; the cause of ctx, if that has ended or ends while Send
// waits. The message is not sent then.
func (b *Mailbox[M]) Send(ctx context.Context, message M) error {
	return b.send(given(ctx), "send", item[M]{message: message})
}

// TrySend puts a message into the mailbox if there is room. Errors: [ErrFull];
// [ErrClosed].
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
	w.parcel.message, w.parcel.asked = it.message, it.asked
	b.senders.join(w)
	b.mu.Unlock()

	select {
	case <-w.ready:
		err = w.err
	case <-ctx.Done():
		if err = ended(ctx, call); !b.withdraw(&b.senders, w) {
			<-w.ready // it was sent at the same moment, or will never be
			err = w.err
		}
	}
	b.reuse(w)
	return err
}
