// Package startwrap lets sup/suptest wrap the start functions of all children of a
// tree, also where no spec is at hand.
package startwrap

import "context"

// A Func is called in place of each start function, which start calls. ctx is the context
// of the incarnation.
type Func func(ctx context.Context, start func() error) error

type key struct{}

// With returns a context for the start of a supervisor. All children of the supervisor
// and of its descendants are started by wrap.
func With(ctx context.Context, wrap Func) context.Context {
	return context.WithValue(ctx, key{}, wrap)
}

// Of returns the function that was given to With, or nil.
func Of(ctx context.Context) Func {
	wrap, _ := ctx.Value(key{}).(Func)
	return wrap
}
