// Package service declares a tree that is built in two ways, by supgen and by
// hand.
package service

import (
	"context"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
)

//go:generate go run github.com/espalier-go/espalier/cmd/supgen

// Worker is the type of all children.
type Worker struct{}

// Run waits until ctx ends.
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
