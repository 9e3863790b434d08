// Package hiding has type parameters with the names of packages that generated code
// imports.
package hiding

import "github.com/espalier-go/espalier/sup"

// Work is a tree for any worker.
type Work[context sup.Worker, time comparable] struct {
	sup.Tree

	Worker sup.Child[context] `sup:"shutdown=1m"`
	Clocks sup.Keyed[time, context]
}
