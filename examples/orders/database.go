package main

import (
	"context"
	"sync"
)

// A fill is an order that has been matched.
type fill struct{ seq, shares, price int }

// A database stands for one in another process: it outlives whoever crashes
// here. For each symbol it has the book of the orders that have been filled.
type database struct {
	mu      sync.Mutex
	books   map[Symbol][]fill
	refused int // fills that had been recorded before
}

func newDatabase() *database { return &database{books: make(map[Symbol][]fill)} }

func (d *database) filled(symbol Symbol) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.books[symbol])
}

// record enters a fill, unless it has been. An order is placed at least once;
// this is what makes that exactly once.
func (d *database) record(symbol Symbol, f fill) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f.seq < len(d.books[symbol]) {
		d.refused++
		return
	}
	d.books[symbol] = append(d.books[symbol], f)
}

// A Pool is the way to the database. When it loses the connection it ends, and
// everything that depends on it starts again.
type Pool struct {
	database *database
	chaos    *chaos
	lost     chan error
}

func newPool(d *database, c *chaos) *Pool {
	return &Pool{database: d, chaos: c, lost: make(chan error, 1)}
}

// Run waits for the connection to be lost.
func (p *Pool) Run(ctx context.Context) error {
	select {
	case err := <-p.lost:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Filled returns how many orders of a symbol have been filled.
func (p *Pool) Filled(symbol Symbol) int { return p.database.filled(symbol) }

// Record enters the fill of an order. It may be called again with the same one.
func (p *Pool) Record(t tick, f fill) error {
	if err := p.chaos.strike(inPool, t); err != nil {
		select {
		case p.lost <- err:
		default: // it has been lost already
		}
		return err
	}
	p.database.record(t.symbol, f)
	return nil
}
