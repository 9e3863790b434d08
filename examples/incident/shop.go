package main

import (
	"context"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// Cache keeps a connection to the backend.
type Cache struct {
	backend *Backend
	lost    <-chan struct{}
}

// Initialize connects.
func (c *Cache) Initialize(context.Context) (err error) {
	c.lost, err = c.backend.connect()
	return err
}

// Run serves until the connection is lost.
func (c *Cache) Run(ctx context.Context) error {
	select {
	case <-c.lost:
		return errReset
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Part is any other part of the shop: it has no trouble of its own.
type Part struct{}

// Run runs until it is told to stop.
func (Part) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func part(context.Context) (sup.Worker, error) { return Part{}, nil }

// shop is the tree as it was on the day of the incident. Its bug is what is not
// there: the cache tries to connect again at once, so that a backend which is
// away for a second takes down everything.
func shop(b *Backend) sup.Spec[sup.Worker] {
	return sup.Spec[sup.Worker]{
		Name:     "shop",
		Strategy: sup.RestForOne,
		Children: []sup.ChildSpec[sup.Worker]{
			{ID: "orders", Start: part},
			{ID: "cache", Start: func(context.Context) (sup.Worker, error) { return &Cache{backend: b}, nil }},
			{ID: "web", Start: part},
		},
	}
}

// mended is the same tree with a cache that waits between two attempts, and has a
// budget of its own for them: what it uses up is not the shop's, and past it the
// shop is open without a cache.
func mended(b *Backend) sup.Spec[sup.Worker] {
	spec := shop(b)
	spec.Children[1].Backoff = sup.Backoff{Min: 100 * time.Millisecond, Max: 5 * time.Second}
	spec.Children[1].Budget = sup.Intensity{Restarts: 20, Within: 10 * time.Minute}
	return spec
}
