// Package web has a tree that a tree of another package nests.
package web

import (
	"context"

	"github.com/espalier-go/espalier/sup"
)

// A Listener is a worker.
type Listener struct{ Addr string }

// Run returns when ctx is done.
func (l *Listener) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// Server is a nested tree.
type Server struct {
	sup.Tree `sup:"one_for_all"`

	HTTP  sup.Child[*Listener] `sup:"shutdown=1s"`
	HTTPS sup.Child[*Listener] `sup:"start_timeout=10s"`
}
