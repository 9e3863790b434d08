package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// A Feed plays the tape of one symbol: it quotes the price and places the
// order, one tick after the other.
type Feed struct {
	orders *Orders
	symbol Symbol
	ticks  []tick
	pace   time.Duration
	chaos  *chaos
}

// Run begins with the first order that has not been filled, and ends after the
// last.
func (f *Feed) Run(ctx context.Context) error {
	pool, err := f.orders.DB.Wait(ctx)
	if err != nil {
		return err
	}
	for _, t := range f.ticks[pool.Filled(f.symbol):] {
		if err := f.chaos.strike(inFeed, t); err != nil {
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

// A Matcher fills orders at the price that is quoted.
type Matcher struct {
	orders *Orders
	chaos  *chaos
	placed chan placed
	gone   chan struct{} // closed when it has ended
}

// placed is an order, and how its feed is told that it has been filled.
type placed struct {
	tick
	filled chan struct{}
}

func newMatcher(o *Orders, c *chaos) *Matcher {
	return &Matcher{orders: o, chaos: c, placed: make(chan placed), gone: make(chan struct{})}
}

// Run fills one order after the other.
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

var errMatcherGone = errors.New("the matcher has gone: whether the order was filled, the database knows")

// Match has an order filled. It runs in the feed's goroutine, and Run in the
// matcher's: a matcher that crashes is an error to the feed.
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
	case <-ctx.Done(): // and the order may be filled all the same
		return ctx.Err()
	}
}

func (m *Matcher) fill(ctx context.Context, t tick) error {
	if err := m.chaos.strike(beforeFill, t); err != nil {
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
	return m.chaos.strike(afterFill, t)
}

// A Desk opens the feeds when it opens, halts one now and then, and closes when
// all have come to their end.
type Desk struct {
	orders  *Orders
	symbols []Symbol
	out     io.Writer
}

// Initialize opens a feed for each symbol. Those that were added at run time
// are gone when the pool has crashed; as the desk comes after them in the tree,
// it starts again too.
func (d *Desk) Initialize(ctx context.Context) error {
	for _, symbol := range d.symbols {
		if err := d.open(ctx, symbol); err != nil {
			return err
		}
	}
	return nil
}

func (d *Desk) open(ctx context.Context, symbol Symbol) error {
	_, err := d.orders.Feeds.StartChild(ctx, symbol)
	if errors.Is(err, sup.ErrAlreadyRunning) || errors.Is(err, sup.ErrRestarting) || errors.Is(err, sup.ErrAlreadyDeclared) {
		return nil
	}
	return err
}

// Run closes the desk with a last look at the tree.
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
