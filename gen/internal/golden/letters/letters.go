// Package letters has names with letters that have no capital, or a capital with another
// number of bytes.
package letters

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

// Web is nested.
type Web struct {
	sup.Tree
	DB sup.Child[*W]
}

// Outer nests trees under names that are hard to write in lower case.
type Outer struct {
	sup.Tree
	ȺéÉé *Web // Ⱥ has two bytes, and ⱥ has three
	WebÉ *Web
	_web *Web
	世界   *Web
	_子   sup.Child[*W]
}
