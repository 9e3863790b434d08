// Package generic has generic trees.
package generic

import (
	"cmp"
	"context"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
)

// Stage is a worker that forwards values.
type Stage[T any] struct {
	In  <-chan T
	Out chan<- T
}

// Run forwards values until ctx is done.
func (s *Stage[T]) Run(ctx context.Context) error {
	for {
		select {
		case v := <-s.In:
			select {
			case s.Out <- v:
			case <-ctx.Done():
				return ctx.Err()
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Pipeline is a tree for any type.
type Pipeline[T any] struct {
	sup.Tree `sup:"rest_for_one"`

	Seen   kv.Context[string, T]
	Source sup.Child[*Stage[T]]
	Sinks  sup.Keyed[string, *Stage[T]] `sup:"temporary"`
}

// Sorted is a generic tree with its own constraint that nests another one.
type Sorted[K cmp.Ordered, V interface {
	~[]E
	Len() int
}, E any] struct {
	sup.Tree

	Keys   *Pipeline[K]
	Values *Pipeline[map[K]V] `sup:"shutdown=1m"`
	Merge  sup.Replicas[*Stage[struct {
		Key   K `json:"key"`
		Value V
	}]] `sup:"count=2"`
	last [2]E //lint:ignore U1000 a field that supgen ignores
}

// Numbers nests generic trees with type arguments.
type Numbers struct {
	sup.Tree

	Ints *Pipeline[int]
	Rows *Sorted[string, Row, float64]
}

// Pointed has a type parameter that, without a comma, would be an array length.
type Pointed[T *Row,] struct {
	sup.Tree

	Stage sup.Child[*Stage[T]]
}

// Row is a list.
type Row []float64

// Len returns the length.
func (r Row) Len() int { return len(r) }
