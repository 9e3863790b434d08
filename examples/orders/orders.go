package main

import (
	"github.com/espalier-go/espalier/examples/orders/web"
	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
)

//go:generate go tool supgen

// Orders is the order service: a tree whose fields are its children, each of
// its own type, with the policy in the tags. Each depends on those above it, so
// what fails takes down those below, and they come back in this order.
//
// The workers try nothing twice. One that cannot go on fails, its supervisor
// starts another, and that one goes on where the database says.
type Orders struct {
	sup.Tree `sup:"rest_for_one,intensity=5/5s,auto_shutdown=any_significant"`

	Quotes kv.Context[Symbol, Quote] // shared by all, and there whoever crashes

	DB    sup.Child[*Pool]         `sup:"shutdown=1s"`
	Match sup.Replicas[*Matcher]   `sup:"count=4,intensity=unlimited"`
	Feeds sup.Keyed[Symbol, *Feed] `sup:"transient,max=100,intensity=unlimited,backoff=1ms..50ms"` // come and go at run time
	Web   *web.Site                `sup:"shutdown=5s"`
	Desk  sup.Child[*Desk]         `sup:"transient,significant"` // closes when all is traded, and the service with it
}
