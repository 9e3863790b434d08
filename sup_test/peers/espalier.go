package main

import (
	"context"
	"strconv"

	"github.com/espalier-go/espalier/sup"
)

// The trees under measurement, each made by one call.

func newKeyed[W sup.Worker](w W) *sup.Keyed[int, W] {
	return started(sup.NewKeyed(sup.KeyedSpec[int, W]{
		Start:     func(context.Context, int) (W, error) { return w, nil },
		Intensity: sup.Unlimited,
	}))
}

// startKeyed starts n children, with keys from first on.
func startKeyed[W sup.Worker](k *sup.Keyed[int, W], first, n int) {
	for key := first; key < first+n; key++ {
		must(k.StartChild(context.Background(), key))
	}
}

func newSupervisor[W sup.Worker](observers ...sup.Observer) *sup.Supervisor[W] {
	return must(sup.Start(context.Background(), sup.Spec[W]{Intensity: sup.Unlimited, Observers: observers}))
}

func startChildren[W sup.Worker](s *sup.Supervisor[W], ids []string, w W) {
	start := func(context.Context) (W, error) { return w, nil }
	for _, id := range ids {
		must(s.StartChild(context.Background(), sup.ChildSpec[W]{ID: id, Start: start}))
	}
}

// newStatic returns a supervisor with n declared children.
func newStatic[W sup.Worker](n int, strategy sup.Strategy, w func(i int) W) *sup.Supervisor[W] {
	spec := sup.Spec[W]{Strategy: strategy, Intensity: sup.Unlimited}
	for i, id := range idsTo(n) {
		w := w(i)
		spec.Children = append(spec.Children, sup.ChildSpec[W]{
			ID:    id,
			Start: func(context.Context) (W, error) { return w, nil },
		})
	}
	return must(sup.Start(context.Background(), spec))
}

func idsTo(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = "child-" + strconv.Itoa(i)
	}
	return ids
}

type shutdowner interface {
	Shutdown(ctx context.Context) error
}

func shutdown(s shutdowner) { check(s.Shutdown(context.Background())) }

// started starts a supervisor and returns it.
func started[S interface{ Start(context.Context) error }](s S) S {
	check(s.Start(context.Background()))
	return s
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
