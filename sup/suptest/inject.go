package suptest

import (
	"context"
	"slices"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
)

// Inject returns a copy of a spec whose children can be broken.
func Inject[W sup.Worker](f *Faults, spec sup.Spec[W]) sup.Spec[W] {
	spec.Children = slices.Clone(spec.Children)
	for i, c := range spec.Children {
		spec.Children[i] = InjectChild(f, c)
	}
	return spec
}

// InjectChild is [Inject] for one child, such as one that is added later.
func InjectChild[W sup.Worker](f *Faults, spec sup.ChildSpec[W]) sup.ChildSpec[W] {
	spec.Start = InjectStart(f, spec.Start)
	return spec
}

// InjectKeyed is [Inject] for the children of a set.
func InjectKeyed[K comparable, W sup.Worker](f *Faults, spec sup.KeyedSpec[K, W]) sup.KeyedSpec[K, W] {
	spec.Start = injectWith(f, spec.Start)
	return spec
}

// InjectReplicas is [Inject] for replicas. The name of one is its index.
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
	return spec
}

// InjectStart is [Inject] for one start function: that of a field of a tree,
// say. The child is the one whose context the function is called with.
func InjectStart[W sup.Worker](f *Faults, start func(ctx context.Context) (W, error)) func(ctx context.Context) (W, error) {
	if start == nil { // the supervisor says so, with the path
		return nil
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
		var none W
		if err := f.before(ctx); err != nil {
			return none, err
		}
		w, err := start(ctx, a)
		if err == nil {
			f.made(ctx)
		}
		return w, err
	}
}
