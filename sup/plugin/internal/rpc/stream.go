package rpc

import (
	"context"
	"errors"
	"sync"
)

// window is how many bytes of a stream may be on their way to its receiver, who has not
// read them. One element more may be.
const window = 256 << 10

// errWindow is the end of a session whose other side ignores the window.
var errWindow = errors.New("stream exceeds its window")

// An inbox is the receiving half of a stream.
type inbox struct {
	changed chan struct{} // has an element when items, ended or err may have changed

	mu      sync.Mutex
	items   []payload
	size    int // of items that have not been confirmed by a credit
	used    bool
	ended   bool
	failure error // why no more items can come
}

func newInbox() *inbox { return &inbox{changed: make(chan struct{}, 1)} }

func (in *inbox) wake() {
	select {
	case in.changed <- struct{}{}:
	default:
	}
}

// add adds an element. It fails if the sender has ignored the window.
func (in *inbox) add(p payload) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.size >= window {
		return errWindow
	}
	in.size += p.size()
	if in.failure == nil {
		in.items = append(in.items, p)
	}
	in.wake()
	return nil
}

// end marks the end of the stream. A failure is returned after the elements that have
// come.
func (in *inbox) end(failure error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.ended {
		in.ended, in.failure = true, failure
		in.wake()
	}
}

// use marks the stream as used, and returns false if it was used before.
func (in *inbox) use() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	first := !in.used
	in.used = true
	return first
}

// next returns the next element, or false at the end of the stream. It waits until done
// is closed.
func (in *inbox) next(done <-chan struct{}) (p payload, ok bool, err error) {
	for {
		in.mu.Lock()
		if len(in.items) > 0 {
			p = in.items[0]
			in.items[0] = payload{}
			in.items = in.items[1:]
			in.mu.Unlock()
			return p, true, nil
		}
		ended, failure := in.ended, in.failure
		in.mu.Unlock()
		if ended {
			return payload{}, false, failure
		}
		select {
		case <-in.changed:
		case <-done:
			return payload{}, false, nil
		}
	}
}

// confirm subtracts elements that were read from the window.
func (in *inbox) confirm(size int) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.size -= size
}

// receive passes the elements of a stream to yield until it returns false. grant sends
// a credit to the sender, and stop tells it that no more are wanted.
func (in *inbox) receive(done <-chan struct{}, grant func(n int), stop func(), yield func(payload) bool) error {
	grant(window)
	read := 0
	for {
		p, ok, err := in.next(done)
		if !ok {
			return err
		}
		if !yield(p) {
			in.end(nil)
			stop()
			return nil
		}
		if read += p.size(); read >= window/2 {
			in.confirm(read)
			grant(read)
			read = 0
		}
	}
}

// An outbox is the sending half of a stream.
type outbox struct {
	changed chan struct{} // has an element when credit or stopped may have changed

	mu      sync.Mutex
	credit  int
	stopped bool
}

func newOutbox() *outbox { return &outbox{changed: make(chan struct{}, 1)} }

// add adds to the credit.
func (o *outbox) add(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.credit += n
	o.wakeLocked()
}

// stop refuses further elements.
func (o *outbox) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = true
	o.wakeLocked()
}

func (o *outbox) wakeLocked() {
	select {
	case o.changed <- struct{}{}:
	default:
	}
}

// reserve waits until an element of a size may be sent. It returns false if the stream
// has been stopped or ctx has ended.
func (o *outbox) reserve(ctx context.Context, size int) bool {
	for {
		o.mu.Lock()
		stopped, ready := o.stopped, o.credit > 0
		if ready && !stopped {
			o.credit -= size
		}
		o.mu.Unlock()
		switch {
		case stopped || ctx.Err() != nil:
			return false
		case ready:
			return true
		}
		select {
		case <-o.changed:
		case <-ctx.Done():
			return false
		}
	}
}
