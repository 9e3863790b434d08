// Package converter has an interface with a method of every kind, for the tests of the
// generated code.
package converter

import (
	"context"
	"errors"
	"iter"
	"time"
)

//go:generate go tool supgen

// Errors of a [Converter].
var (
	// ErrTooLarge is returned when a file is too large.
	ErrTooLarge = errors.New("file too large")
	// ErrUnknown is returned when a file has an unknown format.
	ErrUnknown = errors.New("unknown format")
)

// A File is a file.
type File struct {
	Name string
	Size int64
	Data []byte
	Time time.Time
}

// A Pair is a value of a generic type.
type Pair[A, B any] struct {
	First  A
	Second B
}

// A Store is what a plugin may use of the host.
//
//sup:plugin
type Store interface {
	// Put keeps a file and returns the number of files.
	Put(ctx context.Context, f File) (int, error)
	// Names yields the names of all files that begin with a prefix.
	Names(ctx context.Context, prefix string) iter.Seq2[string, error]
}

// A Stopper ends something.
//
//sup:plugin
type Stopper interface {
	Stop(ctx context.Context) error
}

// A visitor visits itself.
//
//sup:plugin
type visitor interface {
	Visit(ctx context.Context, v visitor, depth int) (int, error)
	// Deep streams what another visitor yields.
	Deep(ctx context.Context, v visitor, n int) iter.Seq2[int, error]
}

// A Converter makes text of files.
//
//sup:plugin
type Converter interface {
	// Convert may be called again when a plugin dies of it.
	//
	//sup:idempotent
	Convert(ctx context.Context, f File) (string, error)
	// Order does as it is told.
	Order(ctx context.Context, order string) error
	// Both returns several results.
	Both(context.Context, *File, map[string][]Pair[int, string]) (first, second *File, count int, err error)
	// Lines is a stream from the plugin.
	Lines(ctx context.Context, f File) iter.Seq2[string, error]
	// Index takes a stream, and a store of the host.
	Index(ctx context.Context, files iter.Seq2[File, error], store Store) (int, error)
	Stopper
}
