package sup

import "context"

// Parent returns the supervisor whose child ctx belongs to, or nil if it belongs to none.
// A worker uses it to inspect or operate its siblings. See [Root].
func Parent(ctx context.Context) AnySupervisor {
	inc := incarnationOf(ctx)
	if inc == nil {
		return nil
	}
	return inc.child.sup.self
}

// Root returns the supervisor at the top of the tree that ctx belongs to, or nil if it
// belongs to none. A worker that shows or operates the whole tree can so be one of its
// children, without a variable that holds the supervisor:
//
//	func newPage(ctx context.Context) (*Page, error) {
//		return &Page{debug.Handler(sup.Inspect(sup.Root(ctx)))}, nil
//	}
//
// The path of every child of the tree begins with the name of the root, and [Path] of ctx
// is the path of the worker. In a supervisor that a worker runs for itself, that
// supervisor is the root.
//
// A worker that shuts down a supervisor above itself must pass its own context, or it
// would wait for its own end.
func Root(ctx context.Context) AnySupervisor {
	inc := incarnationOf(ctx)
	if inc == nil {
		return nil
	}
	s := inc.child.sup
	for s.parent != nil {
		s = s.parent
	}
	return s.self
}
