package main

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// A Symbol identifies a traded share.
type Symbol string

// A Quote is a price, in cents.
type Quote struct{ Bid, Ask int }

// price returns the price of a share: Ask for a buyer, Bid for a seller.
func (q Quote) price(shares int) int {
	if shares > 0 {
		return q.Ask
	}
	return q.Bid
}

// A tick is a quote and an order of the tape.
type tick struct {
	symbol Symbol
	seq    int // number of the tick for its symbol, from 0
	quote  Quote
	shares int // negative for a sale
}

// A tape is the day's ticks, by symbol.
type tape map[Symbol][]tick

// newTape returns a random tape with a number of orders for each symbol. The same seed
// gives the same tape.
func newTape(seed uint64, orders int) tape {
	dice := rand.New(rand.NewPCG(seed, 1))
	t := make(tape)
	for _, symbol := range []Symbol{"ACME", "APEX", "BOLT", "CORE", "DUNE", "ECHO", "FLUX", "GRID"} {
		bid := 1000 + dice.IntN(9000)
		for seq := range orders {
			bid = max(100, bid+dice.IntN(41)-20)
			shares := 1 + dice.IntN(100)
			if dice.IntN(2) == 0 {
				shares = -shares
			}
			t[symbol] = append(t[symbol], tick{symbol, seq, Quote{bid, bid + 1 + dice.IntN(5)}, shares})
		}
	}
	return t
}

func (t tape) symbols() []Symbol { return slices.Sorted(maps.Keys(t)) }

// tradeInLoop trades the tape without workers.
func (t tape) tradeInLoop() map[Symbol][]fill {
	books := make(map[Symbol][]fill)
	for symbol, ticks := range t {
		for _, t := range ticks {
			books[symbol] = append(books[symbol], fill{t.seq, t.shares, t.quote.price(t.shares)})
		}
	}
	return books
}
