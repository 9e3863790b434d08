// Package orders has the tree that the guide to testing tests.
package orders

import (
	"context"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// Spec returns the tree of the service.
func Spec() sup.Spec[sup.Worker] {
	return sup.Spec[sup.Worker]{
		Name:     "orders",
		Strategy: sup.RestForOne,
		Children: []sup.ChildSpec[sup.Worker]{
			{ID: "db", Start: idle, Backoff: sup.Backoff{Min: time.Second}},
			{ID: "web", Start: idle},
		},
	}
}

func idle(context.Context) (sup.Worker, error) { return worker{}, nil }

type worker struct{}

// Run waits for the end.
func (worker) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
