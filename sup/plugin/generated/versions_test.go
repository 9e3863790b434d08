package generated_test

import (
	"context"
	"iter"
)

//go:generate go tool supgen

// Versions of an interface, of which host and plugin may have different ones.

type point struct{ X, Y int }

type pointPlus struct{ X, Y, Z int }

type pointOptional struct {
	X, Y int
	Z    int `plugin:"optional"`
}

type pointRenamed struct{ X, Height int }

type pointRetyped struct {
	X int
	Y string
}

//sup:plugin
type plain interface {
	Move(ctx context.Context, p point) (point, error)
}

//sup:plugin
type addedField interface {
	Move(ctx context.Context, p pointPlus) (point, error)
}

//sup:plugin
type addedResultField interface {
	Move(ctx context.Context, p point) (pointPlus, error)
}

//sup:plugin
type addedOptional interface {
	Move(ctx context.Context, p pointOptional) (point, error)
}

//sup:plugin
type renamedField interface {
	Move(ctx context.Context, p pointRenamed) (point, error)
}

//sup:plugin
type retypedField interface {
	Move(ctx context.Context, p pointRetyped) (point, error)
}

//sup:plugin
type addedMethod interface {
	Move(ctx context.Context, p point) (point, error)
	Turn(ctx context.Context, degrees float64) error
}

//sup:plugin
type changedMethod interface {
	Move(ctx context.Context, points iter.Seq2[point, error]) (point, error)
}

//sup:plugin
type echoer interface {
	Echo(ctx context.Context, data []byte) ([]byte, error)
}
