// Package store has workers that trees in other packages use. It does not import sup.
package store

import "context"

type DB struct{}

func (*DB) Run(ctx context.Context) error { return nil }

type Promoted struct {
	n int
	*DB
}

type Data struct{ n int }
