package mailbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
)

// A Call is a request to a worker that expects a reply. [Ask] creates it. The worker
// receives it as a message, or within one, and answers it once with Reply or Fail,
// immediately or later. A Call may be copied and is safe for concurrent use.
type Call[Req, Resp any] struct {
	Request Req

	ctx   context.Context
	reply *reply[Resp]
}

// reply is the pending reply of type Resp.
type reply[Resp any] struct {
	pendingCall
	response Resp
}

// pendingCall is the untyped part of a reply.
type pendingCall struct {
	settled atomic.Bool   // set when answered, failed or given up; the goroutine that sets it decides which
	done    chan struct{} // closed when answered or failed
	err     error         // set before done is closed

	// Guarded by the mailbox's mu.
	queued    bool // set while in the queue
	abandoned bool // given up while in the queue
}

// Reply answers the request. It reports false and has no effect if the request was
// answered or given up before, or if the Call was not created by [Ask].
func (c Call[Req, Resp]) Reply(response Resp) bool {
	if c.reply == nil || !c.reply.settle() {
		return false
	}
	c.reply.response = response
	close(c.reply.done)
	return true
}

// Fail answers the request with an error, which Ask returns unchanged. A nil err means
// an error that wraps [ErrNoReply]. It reports false in the cases
// in which [Call.Reply] does.
func (c Call[Req, Resp]) Fail(err error) bool {
	if err == nil {
		err = errFailedWithNil
	}
	return c.reply != nil && c.reply.fail(err)
}

// Context returns the context of the caller of [Ask], so that a worker can stop work
// that no caller waits for. It carries the caller's values and none of the worker's. It
// is context.Background() if the Call was not created by Ask.
func (c Call[Req, Resp]) Context() context.Context {
	if c.ctx == nil {
		return context.Background()
	}
	return c.ctx
}

func (a *pendingCall) settle() bool { return a.settled.CompareAndSwap(false, true) }

func (a *pendingCall) fail(err error) bool {
	if !a.settle() {
		return false
	}
	a.err = err
	close(a.done)
	return true
}

// Ask sends a request to the worker that reads the mailbox and waits for the reply.
// ctx bounds both and should have a deadline.
//
// A request is delivered at most once. If the worker whose [Mailbox.Process] holds it
// ends without a reply, Ask returns immediately, and no other worker gets the request.
// A request that still waits in the mailbox goes to the worker's next incarnation.
//
// When Ask returns because ctx has ended, either a worker had taken the request before,
// or no worker will get it.
//
// Ask returns a [NoReplyError], [ErrClosed], the error that the worker passed to
// [Call.Fail], an error that wraps [ErrArguments] if the mailbox is nil, or one that
// wraps the cause of ctx, in which case the worker may have done the work. A worker
// that asks itself waits until ctx ends.
func Ask[Req, Resp any](ctx context.Context, b *Mailbox[Call[Req, Resp]], request Req) (Resp, error) {
	return AskAs(ctx, b, request, func(c Call[Req, Resp]) Call[Req, Resp] { return c })
}

// AskAs is like [Ask] for a mailbox of messages of several kinds. wrap makes a message
// of the call. It is called once, in the caller's goroutine. The error wraps
// [ErrArguments] if wrap is nil.
func AskAs[Req, Resp, M any](ctx context.Context, b *Mailbox[M], request Req, wrap func(Call[Req, Resp]) M) (Resp, error) {
	var none Resp
	if b == nil || wrap == nil {
		return none, badAsk(b == nil, wrap == nil)
	}
	r := &reply[Resp]{pendingCall: pendingCall{done: make(chan struct{})}}
	message := wrap(Call[Req, Resp]{request, ctx, r})
	if err := b.send(ctx, "ask", item[M]{message, &r.pendingCall}); err != nil {
		return none, err
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		if r.settle() {
			b.giveUp(&r.pendingCall)
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

// badAsk returns an error that lists all invalid arguments of AskAs.
func badAsk(noMailbox, noWrap bool) error {
	var faults []string
	if noMailbox {
		faults = append(faults, "the mailbox is nil: use the mailbox of a worker")
	}
	if noWrap {
		faults = append(faults, "wrap is nil: use a function that makes a message of the call, or use Ask")
	}
	return fmt.Errorf("ask: %w: %s", ErrArguments, strings.Join(faults, "; "))
}

// giveUp removes a settled request from the mailbox, if it is still there, to make room.
func (b *Mailbox[M]) giveUp(a *pendingCall) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.queued {
		a.abandoned = true
		b.abandoned++
		if b.abandoned > b.queue.n/2 { // rare enough to cost each request little
			b.sweepLocked()
		}
	} else {
		b.returned = slices.DeleteFunc(b.returned, func(p delivery[M]) bool { return p.call == a })
	}
	b.admitLocked()
}

// sweepLocked removes the abandoned requests from the queue.
func (b *Mailbox[M]) sweepLocked() {
	for range b.queue.n {
		it := b.queue.pop()
		if it.call == nil || !it.call.abandoned {
			b.queue.push(it)
		}
	}
	b.queue.trim()
	b.abandoned = 0
}

// leftQueueLocked is called with a request that was just taken from the queue. It
// reports whether the request is settled and so must be dropped.
func (b *Mailbox[M]) leftQueueLocked(a *pendingCall) bool {
	a.queued = false
	if a.abandoned {
		b.abandoned--
	}
	return a.settled.Load()
}
