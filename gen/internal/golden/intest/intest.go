// Package intest has a tree of its own and one in its tests.
package intest

import (
	"context"

	"github.com/espalier-go/espalier/sup"
)

// W is a worker.
type W struct{}

// Run waits for its end.
func (*W) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// Inner is nested by a tree of the tests.
type Inner struct {
	sup.Tree
	W sup.Child[*W]
}
