package mailbox

import (
	"context"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/espalier-go/espalier/sup"
)

// A processor is one call of Process.
type processor[M any] struct {
	box         *Mailbox[M]
	ctx         context.Context
	path        string // of the worker, or "" if it is not supervised
	incarnation any    // of the worker, see package identity
	f           func(ctx context.Context, message M) error
	policy      Policy[M]
	end         error         // why Process ends; owned by its goroutine
	next        *processor[M] // another processor of this path; guarded by the mailbox's mu

	// current is the message that is being delivered. held points to it while user
	// code runs. The processor that swaps held to nil decides what happens to the
	// message: this one, or one that takes over. After a takeover this processor does
	// not touch current.
	current delivery[M]
	held    atomic.Pointer[delivery[M]]

	mu         sync.Mutex     // protects the fields below
	unanswered []*pendingCall // requests whose f has returned without a reply
	sweepAt    int            // length of unanswered at which it is swept
}

// deliver calls f with the current message, or DeadLetter after too many failures.
func (p *processor[M]) deliver() error {
	d := &p.current
	if d.isAbandoned() { // the caller gave up after the message was taken
		*d = delivery[M]{}
		return nil
	}
	d.dead = d.failures >= p.policy.Deliveries
	p.held.Store(d)
	if err := p.call(d); err != nil {
		p.failed(err)
		return err
	}
	if p.held.Swap(nil) == nil { // another processor has taken over
		p.end = ended(p.ctx, "process")
		return p.end
	}
	if d.call != nil {
		p.addUnanswered(d.call)
	}
	*d = delivery[M]{} // release the message
	return nil
}

// call calls user code. If that panics or calls Goexit, call returns the message to
// the mailbox and lets the panic or Goexit continue.
func (p *processor[M]) call(d *delivery[M]) (err error) {
	returned := false
	defer func() {
		if returned {
			return
		}
		value := recover()
		if value == nil { // panic(nil) is a runtime.PanicNilError
			p.failed(sup.ErrGoexit)
			return
		}
		p.failed(&sup.PanicError{Value: value, Stack: string(debug.Stack())})
		panic(value)
	}()
	if d.dead {
		err = p.policy.DeadLetter(p.ctx, DeadLetter[M]{d.message, d.failures, d.reason})
	} else {
		err = p.f(p.ctx, d.message)
	}
	returned = true
	return err
}

// failed returns the message to the mailbox, unless another processor has taken over.
func (p *processor[M]) failed(reason error) {
	p.end = reason
	if d := p.held.Swap(nil); d != nil {
		p.giveBack(*d, reason)
	}
}

// giveBack returns a message to its place and counts a failed delivery. A request is
// not delivered again. Its Ask returns a NoReplyError.
func (p *processor[M]) giveBack(d delivery[M], reason error) {
	if d.call != nil {
		d.call.fail(&NoReplyError{p.path, reason})
		return
	}
	if !d.dead && outcomeOf(p.ctx, reason) == failed {
		d.failures++
		d.reason = reason
	}
	p.box.putBack(d)
}

// release gives up the message and the unanswered requests of a processor whose
// incarnation was replaced while it was stuck.
func (p *processor[M]) release() {
	cause := context.Cause(p.ctx)
	if d := p.held.Swap(nil); d != nil {
		p.giveBack(*d, cause)
	}
	p.failUnanswered(cause)
}

// addUnanswered keeps a request without a reply, because the worker may answer it
// later, in another goroutine, until Process ends.
func (p *processor[M]) addUnanswered(a *pendingCall) {
	if a.settled.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.unanswered) >= p.sweepAt {
		p.unanswered = slices.DeleteFunc(p.unanswered, func(a *pendingCall) bool { return a.settled.Load() })
		p.sweepAt = max(16, 2*len(p.unanswered))
	}
	p.unanswered = append(p.unanswered, a)
}

// failUnanswered ends the calls of Ask that still wait for a reply.
func (p *processor[M]) failUnanswered(reason error) {
	p.mu.Lock()
	owed := p.unanswered
	p.unanswered = nil
	p.mu.Unlock()
	for _, a := range owed {
		a.fail(&NoReplyError{p.path, reason})
	}
}

// enter registers a processor and takes over from those that it replaces, which belong
// to another incarnation of the same child and were asked to stop. Two incarnations
// run at once only if the spec of the child says so. A processor of the same
// incarnation is another reader of the worker, and finishes its message.
func (b *Mailbox[M]) enter(p *processor[M]) {
	if p.path == "" {
		return
	}
	var others []*processor[M]
	b.mu.Lock()
	for other := b.processors[p.path]; other != nil; other = other.next {
		others = append(others, other)
	}
	if b.processors == nil {
		b.processors = make(map[string]*processor[M])
	}
	p.next = b.processors[p.path]
	b.processors[p.path] = p
	b.mu.Unlock()
	for _, other := range others {
		if other.incarnation != p.incarnation && other.ctx.Err() != nil {
			other.release()
		}
	}
}

// leave is called when Process ends for any reason.
func (b *Mailbox[M]) leave(p *processor[M]) {
	p.failUnanswered(p.end)
	if p.path == "" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	first := b.processors[p.path]
	if first == p {
		first = p.next
	}
	for other := first; other != nil; other = other.next {
		if other.next == p {
			other.next = p.next
		}
	}
	if first == nil {
		delete(b.processors, p.path)
		return
	}
	b.processors[p.path] = first
}
