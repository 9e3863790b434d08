package mailbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
)

// A Call is a request to a worker, and the way back to whoever asks. [Ask]
// makes it; the worker gets it as a message, or within one, and answers it once,
// by Reply or Fail, at once or later. A Call may be copied, and is safe for
// concurrent use.
type Call[Req, Resp any] struct {
	Request Req

	ctx   context.Context
	reply *reply[Resp]
}

// reply is what comes back.
type reply[Resp any] struct {
	asking
	response Resp
}

// asking is the part of a request that does not depend on types.
type asking struct {
	settled atomic.Bool   // answered, failed or given up: whoever sets it decides
	done    chan struct{} // closed when it is answered or has failed
	err     error         // set before done is closed

	// Protected by the lock of the mailbox.
	queued bool // in the queue
	stale  bool // in the queue, and given up
}

// Reply answers the request. It reports false, and does nothing, if nobody
// waits for that any more: the request was answered before, or given up, or the
// Call was not made by [Ask].
func (c Call[Req, Resp]) Reply(response Resp) bool {
	if c.reply == nil || !c.reply.settle() {
		return false
	}
	c.reply.response = response
	close(c.reply.done)
	return true
}

// Fail answers the request with an error, which Ask returns as it is; nil stands
// for one that wraps [ErrNoReply]. It reports what [Call.Reply] does.
func (c Call[Req, Resp]) Fail(err error) bool {
	if err == nil {
		err = errFailedWithNil
	}
	return c.reply != nil && c.reply.fail(err)
}

// Context returns the context of whoever asks, so that a worker can leave off
// what nobody waits for any more. It carries that one's values, and none of the
// worker's.
func (c Call[Req, Resp]) Context() context.Context { return given(c.ctx) }

func (a *asking) settle() bool { return a.settled.CompareAndSwap(false, true) }

func (a *asking) fail(err error) bool {
	if !a.settle() {
		return false
	}
	a.err = err
	close(a.done)
	return true
}

// Ask sends a request to the worker that reads the mailbox, and waits for the
// reply. ctx bounds both; it should have a deadline.
//
// A request is delivered once at most. If the worker that holds it in
// [Mailbox.Process] ends without a reply, Ask returns at once, and nobody else
// gets the request; one that still waits in the mailbox is for the worker's next
// incarnation.
//
// A request whose asker has gone is not delivered any more: when Ask returns since
// ctx has ended, either a worker had taken the request before, and is done with it,
// at it or about to begin, or none will ever get it.
//
// Errors: a [NoReplyError]; [ErrClosed]; the cause of ctx, after which the
// worker may have done what was asked, or not; what the worker gave to
// [Call.Fail]; and one that wraps [ErrArguments] for a nil mailbox. A worker that
// asks itself waits in vain.
func Ask[Req, Resp any](ctx context.Context, b *Mailbox[Call[Req, Resp]], request Req) (Resp, error) {
	return AskAs(ctx, b, request, func(c Call[Req, Resp]) Call[Req, Resp] { return c })
}

// AskAs is [Ask] for a mailbox of messages of several kinds: wrap makes one of
// the call. It is called once, in the goroutine of the caller. A nil wrap is an error
// that wraps [ErrArguments].
func AskAs[Req, Resp, M any](ctx context.Context, b *Mailbox[M], request Req, wrap func(Call[Req, Resp]) M) (Resp, error) {
	var none Resp
	if b == nil || wrap == nil {
		return none, badAsk(b == nil, wrap == nil)
	}
	ctx = given(ctx)
	r := &reply[Resp]{asking: asking{done: make(chan struct{})}}
	message := wrap(Call[Req, Resp]{request, ctx, r})
	if err := b.send(ctx, "ask", item[M]{message, &r.asking}); err != nil {
		return none, err
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if r.settle() {
			b.giveUp(&r.asking)
			return none, ended(ctx, "ask")
		}
		<-r.done // answered at the same moment
	}
	if r.err != nil {
		return none, r.err
	}
	return r.response, nil
}

var errFailedWithNil = fmt.Errorf("ask: %w: failure without a reason", ErrNoReply)

// badAsk reports all that is wrong with the arguments of AskAs.
func badAsk(noMailbox, noWrap bool) error {
	var faults []string
	if noMailbox {
		faults = append(faults, "the mailbox is nil: give that of a worker")
	}
	if noWrap {
		faults = append(faults, "wrap is nil: give a function that makes a message of the call, or use Ask")
	}
	return fmt.Errorf("ask: %w: %s", ErrArguments, strings.Join(faults, "; "))
}

// giveUp makes room for others if a request, which is settled, is still in the
// mailbox.
func (b *Mailbox[M]) giveUp(a *asking) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.queued {
		a.stale = true
		b.stale++
		if b.stale > b.queue.n/2 { // so seldom that it costs each of them little
			b.sweepLocked()
		}
	} else {
		b.back = slices.DeleteFunc(b.back, func(p parcel[M]) bool { return p.asked == a })
	}
	b.admitLocked()
}

// sweepLocked takes the requests that were given up out of the queue.
func (b *Mailbox[M]) sweepLocked() {
	for range b.queue.n {
		it := b.queue.pop()
		if it.asked == nil || !it.asked.stale {
			b.queue.push(it)
		}
	}
	b.queue.trim()
	b.stale = 0
}

// droppedLocked reports that nobody waits for the reply to a request that was just
// taken out of the queue.
func (b *Mailbox[M]) droppedLocked(a *asking) bool {
	a.queued = false
	if a.stale {
		b.stale--
	}
	return a.settled.Load()
}
