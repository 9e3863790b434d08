package mailbox

import "context"

// Outcome says how a delivery ended: "done", "failed" or "interrupted".
func Outcome(ctx context.Context, reason error) string {
	return map[outcome]string{done: "done", failed: "failed", interrupted: "interrupted"}[outcomeOf(ctx, reason)]
}

// Waiting returns how many wait for a message, or for room.
func Waiting[M any](b *Mailbox[M]) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, l := range []waitQueue[M]{b.receivers, b.senders} {
		for w := l.first; w != nil; w = w.next {
			n++
		}
	}
	return n
}

// Slots returns how many places of the queue are taken, also by what was given
// up.
func Slots[M any](b *Mailbox[M]) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.queue.n
}

// Room returns for how many messages there is memory.
func Room[M any](b *Mailbox[M]) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue.ring)
}
