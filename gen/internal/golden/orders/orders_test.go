package orders_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/gen/internal/golden/orders"
	"github.com/espalier-go/espalier/gen/internal/golden/web"
	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/suptest"
)

// children records which workers are made, and expects the earlier siblings to be ready.
type children struct {
	mu   sync.Mutex // the matchers start side by side
	made []string
}

func (c *children) note(ctx context.Context, what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made = append(c.made, what+" "+sup.Path(ctx))
}

func (c *children) NewDB(ctx context.Context, o *orders.Orders) (*orders.Pool, error) {
	c.note(ctx, "db")
	o.Quotes.Set("ACME", orders.Quote{Bid: 1, Ask: 2})
	return new(orders.Pool), nil
}

func (c *children) NewFeeds(ctx context.Context, o *orders.Orders, key orders.Symbol) (*orders.Feed, error) {
	c.note(ctx, "feed of "+string(key))
	if _, ok := o.DB.Get(); !ok {
		return nil, errors.New("the pool is not ready")
	}
	return new(orders.Feed), nil
}

func (c *children) NewMatch(ctx context.Context, o *orders.Orders, i int) (*orders.Matcher, error) {
	c.note(ctx, fmt.Sprint("matcher ", i))
	return new(orders.Matcher), nil
}

func (c *children) Web() web.ServerChildren {
	listener := func(addr string) func(context.Context, *web.Server) (*web.Listener, error) {
		return func(ctx context.Context, _ *web.Server) (*web.Listener, error) {
			c.note(ctx, "listener")
			return &web.Listener{Addr: addr}, nil
		}
	}
	return web.ServerFuncs(listener(":80"), listener(":443"))
}

func TestTheTreeIsBuiltAsDeclared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := new(children)
		o := orders.NewOrders(c)
		if err := o.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := o.Feeds.StartChild(t.Context(), "ACME"); err != nil {
			t.Error(err)
		}
		if _, err := o.Feeds.StartChild(t.Context(), "EMCA"); err != nil {
			t.Error(err)
		}
		if _, err := o.Feeds.StartChild(t.Context(), "one too many"); !errors.Is(err, sup.ErrMaxChildren) {
			t.Errorf("a third feed: %v, want ErrMaxChildren", err)
		}
		want := []string{
			"db orders/db",
			"matcher 0 orders/match/0", "matcher 1 orders/match/1", "matcher 2 orders/match/2", "matcher 3 orders/match/3",
			"listener orders/web/http", "listener orders/web/https",
			"feed of ACME orders/feeds/ACME", "feed of EMCA orders/feeds/EMCA",
		}
		slices.Sort(c.made[1:5]) // the matchers start in any order
		if diff := cmp.Diff(want, c.made); diff != "" {
			t.Errorf("made (-want +got):\n%s", diff)
		}
		if l, ok := o.Web.HTTPS.Get(); !ok || l.Addr != ":443" {
			t.Errorf("the handle of a nested tree's child gives %v, %v", l, ok)
		}
		if q, ok := o.Quotes.Get("ACME"); !ok || q.Ask != 2 {
			t.Errorf("the quote is %v, %v", q, ok)
		}
		if got := o.Strategy(); got != sup.RestForOne {
			t.Errorf("the strategy is %v", got)
		}
		if got := o.Web.Strategy(); got != sup.OneForAll {
			t.Errorf("the strategy of web is %v", got)
		}
		if err := o.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// One call reaches all children of a generated tree, in nested trees and sets too.
func TestFaultsAreInjectedIntoAGeneratedTree(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		faults, events := suptest.NewFaults(t), new(suptest.Recorder)
		o := orders.NewOrders(new(children), events)
		if err := o.Start(suptest.InjectTree(t.Context(), faults)); err != nil {
			t.Fatal(err)
		}
		suptest.Cleanup(t, o)
		lost := errors.New("connection lost")
		faults.Crash("web/https", lost)
		events.Expect(t, "child exited orders/web/https #1: abnormal: connection lost", "child ready web/https #2")
		faults.Crash("match/3", lost)
		events.Expect(t, "child exited match/3: connection lost", "child ready match/3 #2")
	})
}
