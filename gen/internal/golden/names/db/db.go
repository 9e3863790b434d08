// Package db is one of two packages with this name.
package db

// Row is a row of a table.
type Row struct{}
