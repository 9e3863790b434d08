package suptest

import (
	"context"
	"slices"

	"github.com/espalier-go/espalier/internal/startwrap"
	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
)

// InjectTree returns a context for the start of a supervisor of any type, such as a tree
// that supgen has generated. f reaches all children of the supervisor and of its
// descendants, and the nested supervisors themselves:
//
//	err := shop.Start(suptest.InjectTree(t.Context(), faults))
//
// Children whose start functions are wrapped by [Inject] as well are wrapped once.
func InjectTree(ctx context.Context, f *Faults) context.Context {
	return startwrap.With(context.WithValue(ctx, injected{}, f), f.start)
}

// injected is the key of the Faults of [InjectTree].
type injected struct{}

// Inject returns a copy of a spec whose children f reaches, also those that its NewChild
// function adds.
func Inject[W sup.Worker](f *Faults, spec sup.Spec[W]) sup.Spec[W] {
	spec.Children = slices.Clone(spec.Children)
	for i, c := range spec.Children {
		spec.Children[i] = InjectChild(f, c)
	}
	if newChild := spec.NewChild; newChild != nil {
		spec.NewChild = func(id string) (sup.ChildSpec[W], error) {
			c, err := newChild(id)
			return InjectChild(f, c), err
		}
	}
	return spec
}

// InjectChild is [Inject] for one child, such as one that is added at run time.
func InjectChild[W sup.Worker](f *Faults, spec sup.ChildSpec[W]) sup.ChildSpec[W] {
	spec.Start = InjectStart(f, spec.Start)
	return spec
}

// InjectKeyed is [Inject] for the children of a [sup.Keyed].
func InjectKeyed[K comparable, W sup.Worker](f *Faults, spec sup.KeyedSpec[K, W]) sup.KeyedSpec[K, W] {
	spec.Start = injectWith(f, spec.Start)
	return spec
}

// InjectReplicas is [Inject] for replicas. The name of a replica is its index.
func InjectReplicas[W sup.Worker](f *Faults, spec sup.ReplicasSpec[W]) sup.ReplicasSpec[W] {
	spec.Start = injectWith(f, spec.Start)
	return spec
}

// InjectStateful is [Inject] for a supervisor with state.
func InjectStateful[W sup.Worker, K comparable, V any](f *Faults, spec sup.StatefulSpec[W, K, V]) sup.StatefulSpec[W, K, V] {
	spec.Children = slices.Clone(spec.Children)
	for i, c := range spec.Children {
		spec.Children[i].Start = injectWith[*kv.Context[K, V]](f, c.Start)
	}
	if newChild := spec.NewChild; newChild != nil {
		spec.NewChild = func(id string) (sup.StatefulChildSpec[W, K, V], error) {
			c, err := newChild(id)
			c.Start = injectWith[*kv.Context[K, V]](f, c.Start)
			return c, err
		}
	}
	return spec
}

// InjectStart is [Inject] for one start function, such as the one of a field of a
// tree; see [InjectTree] for all of them. The context of a call says which child it starts.
func InjectStart[W sup.Worker](f *Faults, start func(ctx context.Context) (W, error)) func(ctx context.Context) (W, error) {
	if start == nil {
		return nil // the supervisor reports it, with the path of the child
	}
	wrapped := injectWith(f, func(ctx context.Context, _ struct{}) (W, error) { return start(ctx) })
	return func(ctx context.Context) (W, error) { return wrapped(ctx, struct{}{}) }
}

// injectWith wraps a start function that takes a key, an index or a state.
func injectWith[A any, W sup.Worker](f *Faults, start func(ctx context.Context, a A) (W, error)) func(ctx context.Context, a A) (W, error) {
	if start == nil {
		return nil
	}
	return func(ctx context.Context, a A) (W, error) {
		if ctx.Value(injected{}) == f {
			return start(ctx, a) // the supervisor calls f.start
		}
		var made, none W
		err := f.start(ctx, func() (err error) {
			made, err = start(ctx, a)
			return err
		})
		if err != nil {
			return none, err
		}
		return made, nil
	}
}
