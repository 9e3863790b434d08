package plugin

import (
	"context"
	"sync/atomic"
)

// A Source is what the incarnations of a child are started from: the newest
// spec that has been good. Its Start is the start function of a
// [github.com/espalier-go/espalier/sup.ChildSpec]:
//
//	Start: plugin.NewSource(spec).Start
//
// Replicas may share one. All methods are safe for concurrent use.
type Source[T any] struct {
	spec atomic.Pointer[Spec[T]]
	late atomic.Bool // the next client is ready before its process is
}

// NewSource returns a Source of a spec. What is wrong with that is reported
// when it starts.
func NewSource[T any](spec Spec[T]) *Source[T] {
	s := new(Source[T])
	spec = spec.withDefaults()
	s.spec.Store(&spec)
	return s
}

// Spec returns the spec that the next incarnation starts from, with its
// defaults filled in.
func (s *Source[T]) Spec() Spec[T] { return *s.spec.Load() }

// Use makes the next incarnation start from another spec, and leaves the one
// that there is alone: it is for a plugin that is down. See [Client.Replace]
// for one that is up. The error is a [SpecError].
func (s *Source[T]) Use(spec Spec[T]) error {
	if err := spec.check(); err != nil {
		return err
	}
	spec = spec.withDefaults()
	s.spec.Store(&spec)
	return nil
}

// Start makes the worker of an incarnation; the process is started by its
// Initialize. The error is a [SpecError].
func (s *Source[T]) Start(context.Context) (*Client[T], error) {
	spec := s.spec.Load()
	if err := spec.check(); err != nil {
		return nil, err
	}
	return &Client[T]{
		source:   s,
		spec:     spec,
		late:     s.late.Swap(false),
		up:       make(chan struct{}),
		replaced: make(chan struct{}, 1),
		over:     make(chan struct{}),
		turn:     make(chan struct{}, 1),
	}, nil
}
