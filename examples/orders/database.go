package main

import (
	"context"
	"sync"
)

// A fill is an order that has been matched.
type fill struct{ seq, shares, price int }

// A database stands for a database in another process, and so survives all crashes. It
// has a book of filled orders for each symbol.
type database struct {
	mu      sync.Mutex
	books   map[Symbol][]fill
	refused int // duplicate fills
}

func newDatabase() *database { return &database{books: make(map[Symbol][]fill)} }

func (d *database) filled(symbol Symbol) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.books[symbol])
}

// record enters a fill, unless the book has it. Orders are placed at least once, and so
// each is filled exactly once.
func (d *database) record(symbol Symbol, f fill) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if f.seq < len(d.books[symbol]) {
		d.refused++
		return
	}
	d.books[symbol] = append(d.books[symbol], f)
}

// A Pool connects to the database. It fails when the connection is lost, and its
// supervisor restarts it and everything that depends on it.
type Pool struct {
	database *database
	chaos    *chaos
	lost     chan error
}

func newPool(d *database, c *chaos) *Pool {
	return &Pool{database: d, chaos: c, lost: make(chan error, 1)}
}

// Run returns when the connection is lost or ctx is done.
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

// Record enters the fill of an order. A second call with the same fill has no effect.
func (p *Pool) Record(t tick, f fill) error {
	if err := p.chaos.trigger(inPool, t); err != nil {
		select {
		case p.lost <- err:
		default: // the loss has been reported already
		}
		return err
	}
	p.database.record(t.symbol, f)
	return nil
}
