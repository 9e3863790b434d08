// Package db is the other of two packages with this name.
package db

import "context"

// Pool is a worker.
type Pool struct{}

// Run returns when ctx is done.
func (*Pool) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
