// Package db is one of two of this name.
package db

// Row is of a table.
type Row struct{}
