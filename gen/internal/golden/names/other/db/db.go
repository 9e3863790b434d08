// Package db is the other of two of this name.
package db

import "context"

// Pool is a worker.
type Pool struct{}

// Run waits for its end.
func (*Pool) Run(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}
