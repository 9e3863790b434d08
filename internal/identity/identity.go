// Package identity lets the packages of this module tell the incarnations of
// workers apart. The path and the number of one do not: the numbers begin anew
// when the supervisor is restarted.
package identity

import "context"

// Key is that of the value by which the context of an incarnation, and all that
// derive from it, give the incarnation itself.
type Key struct{}

// Of returns what stands for the incarnation that ctx belongs to: comparable,
// and equal to that of no other. It is nil if ctx belongs to none.
func Of(ctx context.Context) any { return ctx.Value(Key{}) }
