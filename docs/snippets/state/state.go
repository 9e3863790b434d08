// Package state has the code of the guide to mailboxes and state.
package state

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/mailbox"
)

// A Quote is a value of the state.
type Quote struct {
	Cents int
	Time  time.Time
}

// An Order is a message.
type Order struct {
	Symbol string
	Pieces int
}

// A Desk owns what outlives its workers.
type Desk struct {
	quotes kv.Context[string, Quote] // ready to use as it is
	orders mailbox.Mailbox[Order]
	prices mailbox.Mailbox[mailbox.Call[string, int]]
}

func (d *Desk) spec() sup.Spec[sup.Worker] {
	return sup.Spec[sup.Worker]{Name: "desk", Children: []sup.ChildSpec[sup.Worker]{
		{ID: "clerk", Start: func(context.Context) (sup.Worker, error) { return &clerk{desk: d}, nil },
			Backoff: sup.Backoff{Min: 2 * time.Second}},
		{ID: "pricer", Start: func(context.Context) (sup.Worker, error) { return &pricer{desk: d}, nil }},
	}}
}

func (d *Desk) use() {
	d.quotes.Set("ACME", Quote{Cents: 1250, Time: time.Now()})
	q, ok := d.quotes.Get("ACME") // no lock, no allocation
	fmt.Println(q.Cents, ok)
	err := d.quotes.Update("ACME", func(q Quote, ok bool) (Quote, kv.Op) {
		if !ok {
			return q, kv.Keep
		}
		q.Cents++
		return q, kv.Set // atomic; the function may run again if another writer was faster
	})
	fmt.Println(err)
}

func (d *Desk) watch(ctx context.Context) {
	changes := d.quotes.Watch(ctx, "ACME", 0) // first watch, then read: no change is missed
	q, ok := d.quotes.Get("ACME")
	fmt.Println(q, ok)
	for c := range changes {
		fmt.Println(c.Value, c.Present, c.Skipped)
	}
}

type clerk struct{ desk *Desk }

// Run processes the orders.
func (c *clerk) Run(ctx context.Context) error {
	return c.desk.orders.Process(ctx, c.sell, mailbox.Policy[Order]{
		Deliveries: 2, // then it is a dead letter
		DeadLetter: func(_ context.Context, l mailbox.DeadLetter[Order]) error {
			log.Print("given up: ", l.Message, ": ", l.Reason)
			return nil
		},
	})
}

func (c *clerk) sell(_ context.Context, o Order) error {
	q, ok := c.desk.quotes.Get(o.Symbol)
	if !ok {
		return errors.New("no quote of " + o.Symbol) // fails the worker; the message comes again
	}
	fmt.Println("sold", o.Pieces, "at", q.Cents)
	return nil // the message is done
}

type pricer struct{ desk *Desk }

// Run answers requests for prices.
func (p *pricer) Run(ctx context.Context) error {
	return p.desk.prices.Process(ctx, func(_ context.Context, call mailbox.Call[string, int]) error {
		q, ok := p.desk.quotes.Get(call.Request)
		if !ok {
			call.Fail(errors.New("unknown symbol")) // the caller's error, and no failure of the worker
			return nil
		}
		call.Reply(q.Cents)
		return nil
	}, mailbox.Policy[mailbox.Call[string, int]]{})
}

func (d *Desk) client(ctx context.Context) error {
	if err := d.orders.Send(ctx, Order{"ACME", 3}); err != nil { // waits while the mailbox is full
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cents, err := mailbox.Ask(ctx, &d.prices, "ACME")
	fmt.Println(cents, err)
	return err
}
