package main

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/espalier-go/espalier/examples/orders/web"
	"github.com/espalier-go/espalier/sup"
)

// A service makes the workers of the order service. It implements OrdersChildren, and
// web.SiteChildren for the nested tree. A missing method is a compile error that names
// it.
type service struct {
	orders   *Orders
	tape     tape
	pace     time.Duration // time between two orders of a feed
	database *database
	chaos    *chaos
	out      io.Writer
}

func newService(c config, out io.Writer, observers ...sup.Observer) *service {
	t := newTape(c.seed, c.orders)
	s := &service{tape: t, pace: c.pace, database: newDatabase(), chaos: newChaos(c.seed, t), out: out}
	s.orders = NewOrders(s, observers...)
	return s
}

func (s *service) NewDB(context.Context, *Orders) (*Pool, error) {
	return newPool(s.database, s.chaos), nil
}

func (s *service) NewMatch(_ context.Context, o *Orders, _ int) (*Matcher, error) {
	return newMatcher(o, s.chaos), nil
}

func (s *service) NewFeeds(_ context.Context, o *Orders, symbol Symbol) (*Feed, error) {
	return &Feed{orders: o, symbol: symbol, ticks: s.tape[symbol], pace: s.pace, chaos: s.chaos}, nil
}

func (s *service) Web() web.SiteChildren { return s }

func (s *service) NewServer(context.Context, *web.Site) (*web.Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return web.NewServer(s.chaos.listener(l), s.handler()), nil
}

func (s *service) NewProbe(_ context.Context, site *web.Site) (*web.Probe, error) {
	return &web.Probe{Site: site, Path: "/quotes"}, nil
}

func (s *service) NewDesk(_ context.Context, o *Orders) (*Desk, error) {
	return &Desk{orders: o, symbols: s.tape.symbols(), out: s.out}, nil
}

// handler serves the quotes and a drawing of the tree.
func (s *service) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /quotes", func(w http.ResponseWriter, _ *http.Request) {
		json.NewEncoder(w).Encode(s.orders.Quotes.Snapshot())
	})
	mux.HandleFunc("GET /tree", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, s.orders.Snapshot().String())
	})
	return mux
}
