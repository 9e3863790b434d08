package main

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync/atomic"

	"github.com/espalier-go/espalier/kv"
)

// A chaos breaks workers on purpose. The seed decides which orders break a worker, and
// where. Each of them does so once.
type chaos struct {
	plan      map[order]point
	triggered kv.Context[order, point]
	accepted  atomic.Int32
}

// order identifies an order on the tape.
type order struct {
	symbol Symbol
	seq    int
}

// point is where an order breaks a worker.
type point int

const (
	inFeed point = iota
	beforeFill
	afterFill // a program that retries could fill the order twice
	inPool    // all children restart
)

// poolFailures must not exceed the intensity of the tree.
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

// trigger breaks the calling worker by a panic or an error if the order is planned to do
// so at this point. Otherwise it returns nil.
func (c *chaos) trigger(at point, t tick) error {
	o := order{t.symbol, t.seq}
	if planned, ok := c.plan[o]; !ok || planned != at {
		return nil
	}
	if _, already := c.triggered.GetOrSet(o, at); already {
		return nil
	}
	if at != inPool && t.seq%2 == 0 {
		panic(errChaos)
	}
	return errChaos
}

// listener returns a listener that fails at the first connection of the whole run.
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
