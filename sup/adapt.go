package sup

import "context"

// Adapt returns start as the start function of a [Spec] of [Worker], whose children may
// be of different types:
//
//	sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{
//		{ID: "pool", Start: sup.Adapt(newPool)}, // func(context.Context) (*Pool, error)
//		{ID: "http", Start: sup.Adapt(newHTTP)}, // func(context.Context) (*HTTP, error)
//	}}
//
// [As] returns the typed handle of such a child. If start is nil, so is the result.
func Adapt[W Worker](start func(ctx context.Context) (W, error)) func(ctx context.Context) (Worker, error) {
	if start == nil {
		return nil // a fault of the spec
	}
	return func(ctx context.Context) (Worker, error) {
		w, err := start(ctx)
		if err != nil {
			return nil, err
		}
		return w, nil
	}
}
