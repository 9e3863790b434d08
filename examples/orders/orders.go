package main

import (
	"github.com/espalier-go/espalier/examples/orders/web"
	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
)

//go:generate go tool supgen

// Orders is the order service. The fields are the children of the tree, and the tags are
// their policies. Each child depends on those above it: when one fails, those below it
// are stopped, and all are started again in this order.
//
// The workers do not retry. A worker that cannot continue fails. Its supervisor starts
// another one, which continues with the first order that the database does not have.
type Orders struct {
	sup.Tree `sup:"rest_for_one,intensity=5/5s,auto_shutdown=any_significant"`

	Quotes kv.Context[Symbol, Quote] // shared by all children, and kept when they crash

	DB    sup.Child[*Pool]         `sup:"shutdown=1s"`
	Match sup.Replicas[*Matcher]   `sup:"count=4,intensity=unlimited,backoff=1ms..50ms"`
	Feeds sup.Keyed[Symbol, *Feed] `sup:"transient,max=100,intensity=unlimited,backoff=1ms..50ms"` // added and removed at run time
	Web   *web.Site                `sup:"shutdown=5s"`
	Desk  sup.Child[*Desk]         `sup:"transient,significant"` // ends the service when all orders are traded
}
