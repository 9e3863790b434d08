// Package orders has a tree with children of all kinds, a nested tree of another package,
// and state.
package orders

import (
	"context"

	"github.com/espalier-go/espalier/gen/internal/golden/web"
	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
)

// Symbol names what is traded.
type Symbol string

// Quote is a price.
type Quote struct{ Bid, Ask float64 }

// Pool, Feed and Matcher are workers.
type (
	Pool    struct{ worker }
	Feed    struct{ worker }
	Matcher struct{ worker }
)

type worker struct{ name string } //lint:ignore U1000 a size above 0, so that two workers have different addresses

func (w *worker) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// Orders is the order service.
type Orders struct {
	sup.Tree `sup:"rest_for_one,intensity=3/5s"`

	Quotes kv.Context[Symbol, Quote]
	DB     sup.Child[*Pool]         `sup:"permanent,shutdown=5s"`
	Feeds  sup.Keyed[Symbol, *Feed] `sup:"transient,max=2"` // added and removed at run time, by key
	Match  sup.Replicas[*Matcher]   `sup:"count=4"`
	Web    *web.Server              `sup:"shutdown=30s"`
}
