// Package ignored has constructors in files with build constraints.
package ignored

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

// Orders has a constructor in a file that no build includes.
type Orders struct {
	sup.Tree
	DB sup.Child[*W]
}

// Feeds has a constructor in the same file.
type Feeds struct {
	sup.Tree `sup:"one_for_all"`
	A, B     sup.Child[*W]
}

// Hand is declared by hand, with a constructor for another system.
type Hand struct {
	sup.Tree
	DB sup.Child[*W]
}
