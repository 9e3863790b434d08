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

// Part is any other part of the shop. It never fails.
type Part struct{}

// Run waits until its context is done.
func (Part) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func part(context.Context) (sup.Worker, error) { return Part{}, nil }

// shop is the tree of the day of the incident. Its bug is that the cache has no
// backoff: it connects again at once, so that an outage of a second uses up the
// restarts of the whole tree.
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

// mended is the same tree with a backoff and a budget for the cache. Its restarts are
// not counted against the shop, and when the budget is used up, the shop is open
// without a cache.
func mended(b *Backend) sup.Spec[sup.Worker] {
	spec := shop(b)
	spec.Children[1].Backoff = sup.Backoff{Min: 100 * time.Millisecond, Max: 5 * time.Second}
	spec.Children[1].Budget = sup.Intensity{Restarts: 20, Within: 10 * time.Minute}
	return spec
}
