// Package intest has a tree, and another one in its tests.
package intest

import (
	"context"

	"github.com/espalier-go/espalier/sup"
)

// W is a worker.
type W struct{}

// Run returns when ctx is done.
func (*W) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// Inner is nested in a tree of the tests.
type Inner struct {
	sup.Tree
	W sup.Child[*W]
}
