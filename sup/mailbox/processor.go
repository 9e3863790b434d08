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
	box    *Mailbox[M]
	ctx    context.Context
	path   string // of the worker; "" if it is not supervised
	life   any    // the incarnation of the worker, see package identity
	f      func(ctx context.Context, message M) error
	policy Policy[M]
	end    error         // how it ends; set by its own goroutine
	next   *processor[M] // another of this path; protected by the mailbox's lock

	// own is the message that it is at, and held points to that while user code is
	// called with it. Whoever takes it out of held sees to what becomes of it: this
	// processor, or one that takes over, after which this one does not touch own.
	own  parcel[M]
	held atomic.Pointer[parcel[M]]

	mu    sync.Mutex // protects what follows
	owed  []*asking  // requests that f has returned from without a reply
	sweep int        // the length of owed at which it is swept
}

// deliver calls f with the message, or DeadLetter if that is due.
func (p *processor[M]) deliver() error {
	d := &p.own
	if d.gone() { // since it was taken
		*d = parcel[M]{}
		return nil
	}
	d.dead = d.failures >= p.policy.Deliveries
	p.held.Store(d)
	if err := p.call(d); err != nil {
		p.failed(err)
		return err
	}
	if p.held.Swap(nil) == nil { // it took too long, and was replaced
		p.end = ended(p.ctx, "process")
		return p.end
	}
	if d.asked != nil {
		p.owe(d.asked)
	}
	*d = parcel[M]{} // let go of the message
	return nil
}

// call calls user code. If that does not return, it sees to the message, and
// lets what happened take its course.
func (p *processor[M]) call(d *parcel[M]) (err error) {
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

// failed gives the message back, unless another processor has it by now.
func (p *processor[M]) failed(reason error) {
	p.end = reason
	if d := p.held.Swap(nil); d != nil {
		p.giveBack(*d, reason)
	}
}

// giveBack returns a message to its place, to be delivered again, and counts the
// delivery if it has failed. A request is not delivered again: Ask returns.
func (p *processor[M]) giveBack(d parcel[M], reason error) {
	if d.asked != nil {
		d.asked.fail(&NoReplyError{p.path, reason})
		return
	}
	if !d.dead && outcomeOf(p.ctx, reason) == failed {
		d.failures++
		d.reason = reason
	}
	p.box.putBack(d)
}

// surrender gives up all that a processor holds: it belongs to an incarnation
// that was replaced while it was stuck.
func (p *processor[M]) surrender() {
	cause := context.Cause(p.ctx)
	if d := p.held.Swap(nil); d != nil {
		p.giveBack(*d, cause)
	}
	p.settle(cause)
}

// owe notes a request that was not answered yet: a worker may do that later, and
// elsewhere, as long as it lives.
func (p *processor[M]) owe(a *asking) {
	if a.settled.Load() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.owed) >= p.sweep {
		p.owed = slices.DeleteFunc(p.owed, func(a *asking) bool { return a.settled.Load() })
		p.sweep = max(16, 2*len(p.owed))
	}
	p.owed = append(p.owed, a)
}

// settle tells those whose requests are still open that there is no reply.
func (p *processor[M]) settle(reason error) {
	p.mu.Lock()
	owed := p.owed
	p.owed = nil
	p.mu.Unlock()
	for _, a := range owed {
		a.fail(&NoReplyError{p.path, reason})
	}
}

// enter makes a processor known, and has it take over from those that it
// replaces: of another incarnation of the same child, told to stop, and not back
// yet. An incarnation begins while another is not over only if the child's spec
// says so. One of the same incarnation is a reader that its worker has told to
// stop, and finishes what it is at.
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
		if other.life != p.life && other.ctx.Err() != nil {
			other.surrender()
		}
	}
}

// leave is called when Process ends, however it does.
func (b *Mailbox[M]) leave(p *processor[M]) {
	p.settle(p.end)
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
