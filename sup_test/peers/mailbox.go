package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/espalier-go/espalier/sup/mailbox"
)

// mailboxCapacity is the default capacity of a mailbox.
const mailboxCapacity = mailbox.DefaultCapacity

// measureMailbox compares a mailbox with channels of the same capacity: a bare
// one, and one in a select with a context, without which a worker could not be
// stopped.
func measureMailbox(r *report) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, n := range []int{0, 1, 64} {
		who := "one goroutine"
		if n > 0 {
			who = fmt.Sprintf("senders and receivers: %d each", n)
		}
		found := compare(3*time.Second,
			contender{name: "channel", measure: func(m *meter) {
				ch := make(chan int, mailboxCapacity)
				transfer(m, n, func(i int) { ch <- i }, func() { <-ch })
			}},
			contender{name: "espalier", measure: func(m *meter) {
				box := mailbox.New[int](mailboxCapacity)
				transfer(m, n, func(i int) { _ = box.Send(ctx, i) }, func() { _, _ = box.Receive(ctx) })
			}},
			contender{name: "select", measure: func(m *meter) {
				ch := make(chan int, mailboxCapacity)
				transfer(m, n, func(i int) { sendTo(ctx, ch, i) }, func() { receiveFrom(ctx, ch) })
			}},
		)
		bare, inSelect := 1.5, 0.0
		if n == 64 { // a worker needs the context, and so a channel in a select
			bare, inSelect = 0, 1.0
		}
		r.add(found, judged{what: "mailbox Send and Receive, " + who, ours: "espalier", limit: "channel", target: bare})
		r.add(found, judged{what: "mailbox Send and Receive, " + who + ", with a context", ours: "espalier", limit: "select", target: inSelect})
	}
	measureProcess(ctx, r)
	measureAsk(ctx, r)
}

// measureProcess compares the delivery of messages that are queued already.
func measureProcess(ctx context.Context, r *report) {
	const n = 20_000
	work := func(context.Context, int) error { return nil }
	filled := func() *mailbox.Mailbox[int] {
		box := mailbox.New[int](n)
		for i := range n {
			_ = box.TrySend(i)
		}
		box.Close()
		return box
	}
	found := compare(2*time.Second,
		contender{name: "channel", measure: func(m *meter) {
			ch := make(chan int, n)
			for i := range n {
				ch <- i
			}
			close(ch)
			m.do(n, func() {
				for i := range ch {
					_ = work(ctx, i)
				}
			})
		}},
		contender{name: "Receive", measure: func(m *meter) {
			box := filled()
			m.do(n, func() {
				for i := range box.All(ctx) {
					_ = work(ctx, i)
				}
			})
		}},
		contender{name: "espalier", measure: func(m *meter) {
			box := filled()
			m.do(n, func() { check(box.Process(ctx, work, mailbox.Policy[int]{})) })
		}},
	)
	r.add(found, judged{what: "mailbox Process, a message", ours: "espalier", limit: "channel"})
	r.add(found, judged{what: "mailbox Process, a message", ours: "espalier", limit: "Receive"})
}

// measureAsk compares a request and its reply with the same by hand: a channel
// of requests, each with a channel for its reply.
func measureAsk(ctx context.Context, r *report) {
	const n = 5000
	type request struct {
		value int
		reply chan int
	}
	found := compare(2*time.Second,
		contender{name: "channels", measure: func(m *meter) {
			requests := make(chan request, mailboxCapacity)
			go func() {
				for req := range requests {
					req.reply <- req.value
				}
			}()
			m.do(n, func() {
				for i := range n {
					reply := make(chan int, 1)
					requests <- request{i, reply}
					receiveFrom(ctx, reply)
				}
			})
			close(requests)
		}},
		contender{name: "espalier", measure: func(m *meter) {
			var box mailbox.Mailbox[mailbox.Call[int, int]]
			var served sync.WaitGroup
			served.Go(func() {
				check(box.Process(ctx, func(_ context.Context, c mailbox.Call[int, int]) error {
					c.Reply(c.Request)
					return nil
				}, mailbox.Policy[mailbox.Call[int, int]]{}))
			})
			m.do(n, func() {
				for i := range n {
					must(mailbox.Ask(ctx, &box, i))
				}
			})
			box.Close()
			served.Wait()
		}},
	)
	r.add(found, judged{what: "mailbox Ask, request and reply", ours: "espalier", limit: "channels"})
}

// transfer moves messages within one goroutine, or from n senders to n
// receivers.
func transfer(m *meter, n int, send func(i int), receive func()) {
	const messages = 64 * 500
	m.do(messages, func() {
		if n == 0 {
			for i := range messages {
				send(i)
				receive()
			}
			return
		}
		var wg sync.WaitGroup
		for range n {
			wg.Go(func() {
				for i := range messages / n {
					send(i)
				}
			})
			wg.Go(func() {
				for range messages / n {
					receive()
				}
			})
		}
		wg.Wait()
	})
}

func sendTo(ctx context.Context, ch chan<- int, i int) {
	select {
	case ch <- i:
	case <-ctx.Done():
	}
}

func receiveFrom(ctx context.Context, ch <-chan int) {
	select {
	case <-ch:
	case <-ctx.Done():
	}
}
