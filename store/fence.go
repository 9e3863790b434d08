package store

import "context"

// A Fence ties the commits of a worker to its term as the owner of something, so that a
// worker whose term has ended changes nothing. Typed state such as kv.Stored looks for one
// in the context of each call.
type Fence interface {
	// Cond returns the condition that a commit must have, or the error with which the term
	// has ended.
	Cond() (Cond, error)
	// Refused is called when a commit with the condition was not done, with the entry of
	// the condition's key as the commit has read it. If it returns nil the commit is done
	// again with a new condition. Otherwise the commit fails with the error.
	Refused(ctx context.Context, found Entry) error
	// Settle is called when the outcome of a commit is unknown. If it returns nil, no
	// earlier commit with an earlier condition can take effect any more, and the commit is
	// done again with a new condition. Otherwise the commit fails with the error.
	Settle(ctx context.Context) error
}

type fenceKey struct{}

// WithFence returns a context whose commits are fenced.
func WithFence(ctx context.Context, f Fence) context.Context {
	return context.WithValue(ctx, fenceKey{}, f)
}

// FenceOf returns the fence of a context, or nil if it has none.
func FenceOf(ctx context.Context) Fence {
	f, _ := ctx.Value(fenceKey{}).(Fence)
	return f
}
