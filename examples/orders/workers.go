package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A Feed plays the tape of one symbol. For each tick, it sets the quote and places the
// order.
type Feed struct {
	orders *Orders
	symbol Symbol
	ticks  []tick
	pace   time.Duration
	chaos  *chaos
}

// Run starts at the first order that is not filled, and returns after the last one.
func (f *Feed) Run(ctx context.Context) error {
	pool, err := f.orders.DB.Wait(ctx)
	if err != nil {
		return err
	}
	for _, t := range f.ticks[pool.Filled(f.symbol):] {
		if err := f.chaos.trigger(inFeed, t); err != nil {
			return err
		}
		f.orders.Quotes.Set(f.symbol, t.quote)
		place := func(ctx context.Context, m *Matcher) error { return m.Match(ctx, t) }
		if err := f.orders.Match.Do(ctx, place); err != nil {
			return err
		}
		select {
		case <-time.After(f.pace):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// A Matcher fills orders at the quoted price.
type Matcher struct {
	orders *Orders
	chaos  *chaos
	placed chan placed
	gone   chan struct{} // closed when Run returns
}

// placed is an order from a feed.
type placed struct {
	tick
	filled chan struct{} // closed when the order is filled
}

func newMatcher(o *Orders, c *chaos) *Matcher {
	return &Matcher{orders: o, chaos: c, placed: make(chan placed), gone: make(chan struct{})}
}

// Run fills orders until ctx is done.
func (m *Matcher) Run(ctx context.Context) error {
	defer close(m.gone)
	for {
		select {
		case p := <-m.placed:
			if err := m.fill(ctx, p.tick); err != nil {
				return err
			}
			close(p.filled)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

var errMatcherGone = errors.New("matcher stopped before it confirmed the order")

// Match waits until Run has filled an order. It is called by the feed, so a crash of the
// matcher is an error for the feed. After an error, only the database knows whether the
// order is filled.
func (m *Matcher) Match(ctx context.Context, t tick) error {
	p := placed{t, make(chan struct{})}
	select {
	case m.placed <- p:
	case <-m.gone:
		return errMatcherGone
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-p.filled:
		return nil
	case <-m.gone:
		return errMatcherGone
	case <-ctx.Done(): // the order may still be filled
		return ctx.Err()
	}
}

func (m *Matcher) fill(ctx context.Context, t tick) error {
	if err := m.chaos.trigger(beforeFill, t); err != nil {
		return err
	}
	quote, _ := m.orders.Quotes.Get(t.symbol)
	pool, err := m.orders.DB.Wait(ctx)
	if err != nil {
		return err
	}
	if err := pool.Record(t, fill{t.seq, t.shares, quote.price(t.shares)}); err != nil {
		return err
	}
	return m.chaos.trigger(afterFill, t)
}

// A Desk opens the feeds, restarts one now and then, and closes when all are done.
type Desk struct {
	orders  *Orders
	symbols []Symbol
	out     io.Writer
}

// Initialize opens a feed for each symbol. A crash of the pool removes the feeds, which
// were added at run time. It also restarts the desk, which comes after them in the tree,
// so that they are added again.
func (d *Desk) Initialize(ctx context.Context) error {
	for _, symbol := range d.symbols {
		if err := d.open(ctx, symbol); err != nil {
			return err
		}
	}
	return nil
}

func (d *Desk) open(ctx context.Context, symbol Symbol) error {
	_, err := d.orders.Feeds.Ensure(ctx, symbol)
	if errors.Is(err, sup.ErrStopped) || errors.Is(err, sup.ErrQuarantined) {
		return nil // an operator decides on it
	}
	return err
}

// Run restarts feeds until all orders are traded, and then prints the tree.
func (d *Desk) Run(ctx context.Context) error {
	for n := 0; n == 0 || !d.traded(); n++ {
		symbol := d.symbols[n%len(d.symbols)]
		if err := d.orders.Feeds.RemoveChild(ctx, symbol); err != nil {
			return err
		}
		if err := d.open(ctx, symbol); err != nil {
			return err
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	tree, err := d.orders.Web.Get(ctx, "/tree")
	if err == nil {
		_, err = fmt.Fprintln(d.out, tree)
	}
	return err
}

func (d *Desk) traded() bool {
	for _, feed := range d.orders.Feeds.Children() {
		if !feed.State.AtRest() {
			return false
		}
	}
	return true
}
