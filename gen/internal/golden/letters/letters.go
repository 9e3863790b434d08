// Package letters has names of letters whose small ones are of another length,
// or that there are no capitals of.
package letters

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

// Web is nested.
type Web struct {
	sup.Tree
	DB sup.Child[*W]
}

// Outer nests trees under names that are hard to make small.
type Outer struct {
	sup.Tree
	ȺéÉé *Web // the small Ⱥ has three bytes, the capital two
	WebÉ *Web
	_web *Web
	世界   *Web
	_子   sup.Child[*W]
}
