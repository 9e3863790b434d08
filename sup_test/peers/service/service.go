// Package service is a tree that is declared, and built in two ways: by
// supgen, and by hand.
package service

import (
	"context"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
)

//go:generate go run github.com/espalier-go/espalier/cmd/supgen

// Worker is what all children are.
type Worker struct{}

// Run waits for its end.
func (Worker) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// Service is a tree with children of all kinds.
type Service struct {
	sup.Tree `sup:"rest_for_one,intensity=3/5s"`

	State kv.Context[string, int]
	DB    sup.Child[*Worker]         `sup:"shutdown=5s"`
	Cache sup.Child[*Worker]         `sup:"transient,backoff=100ms..30s"`
	Feeds sup.Keyed[string, *Worker] `sup:"transient,max=10000"`
	Match sup.Replicas[*Worker]      `sup:"count=4"`
}
