// Package ignored has constructors in files that are not always compiled, or
// never.
package ignored

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

// Orders has a constructor in a file that is part of no build.
type Orders struct {
	sup.Tree
	DB sup.Child[*W]
}

// Feeds has one there too, which is in nobody's way.
type Feeds struct {
	sup.Tree `sup:"one_for_all"`
	A, B     sup.Child[*W]
}

// Hand has a constructor on another system, and is declared by hand.
type Hand struct {
	sup.Tree
	DB sup.Child[*W]
}
