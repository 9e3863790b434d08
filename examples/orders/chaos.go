package main

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync/atomic"

	"github.com/espalier-go/espalier/kv"
)

// A chaos breaks workers on purpose. Which orders do it, and whom they strike,
// depends on nothing but the seed; each does it once.
type chaos struct {
	plan     map[order]point
	struck   kv.Context[order, point]
	accepted atomic.Int32
}

// order identifies one on the tape.
type order struct {
	symbol Symbol
	seq    int
}

// point is where an order strikes.
type point int

const (
	inFeed point = iota
	beforeFill
	afterFill // where a careless program would fill an order twice
	inPool    // which takes all of the tree down
)

// poolFailures are within the intensity of the tree.
const poolFailures = 2

func newChaos(seed uint64, t tape) *chaos {
	c := &chaos{plan: make(map[order]point)}
	dice := rand.New(rand.NewPCG(seed, 2))
	symbols := t.symbols()
	for _, symbol := range symbols {
		for seq := range t[symbol] {
			if dice.IntN(40) == 0 {
				c.plan[order{symbol, seq}] = point(dice.IntN(int(inPool)))
			}
		}
	}
	for range poolFailures {
		symbol := symbols[dice.IntN(len(symbols))]
		c.plan[order{symbol, dice.IntN(len(t[symbol]))}] = inPool
	}
	return c
}

var errChaos = errors.New("chaos")

// strike is called where an order may break its worker. It panics, returns an
// error, or does nothing.
func (c *chaos) strike(at point, t tick) error {
	o := order{t.symbol, t.seq}
	if planned, ok := c.plan[o]; !ok || planned != at {
		return nil
	}
	if _, again := c.struck.GetOrSet(o, at); again {
		return nil
	}
	if at != inPool && t.seq%2 == 0 {
		panic(errChaos)
	}
	return errChaos
}

// listener breaks the first one that the service has, at its first connection.
func (c *chaos) listener(l net.Listener) net.Listener { return &brokenListener{l, c} }

type brokenListener struct {
	net.Listener
	chaos *chaos
}

func (l *brokenListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err == nil && l.chaos.accepted.Add(1) == 1 {
		conn.Close()
		return nil, errChaos
	}
	return conn, err
}
