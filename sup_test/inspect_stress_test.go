package sup_test

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/espalier-go/espalier/sup"
)

// Inspection: While a tree restarts at all levels, a reader sees no event twice and
// delays nothing.
func TestReadersOfARestartingTreeSeeNoEventTwice(t *testing.T) {
	const rounds, readers = 300, 4
	crash := make(chan struct{})
	leaf := func(context.Context) (*crashOnDemand, error) { return &crashOnDemand{crash}, nil }
	below := sup.Spec[*crashOnDemand]{Name: "below", Intensity: sup.Intensity{Restarts: 2, Within: 1 << 40}, Children: []sup.ChildSpec[*crashOnDemand]{
		{ID: "a", Start: leaf}, {ID: "b", Start: leaf},
	}}
	s, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Name: "top", Intensity: sup.Unlimited, Children: []sup.ChildSpec[sup.Worker]{
		{ID: "below", Start: func(context.Context) (sup.Worker, error) { return sup.New(below), nil }},
	}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	i := sup.Inspect(s)
	var readings sync.WaitGroup
	for range readers {
		readings.Go(func() {
			seen := make(map[uint64]bool)
			for e, err := range i.Events(ctx, "top/below", 0) {
				if errors.Is(err, sup.ErrSkipped) {
					continue
				}
				if err != nil {
					t.Errorf("the stream ended with %v", err)
				}
				if seen[e.Seq] {
					t.Errorf("event %d was received twice", e.Seq)
				}
				seen[e.Seq] = true
			}
			if len(seen) < rounds {
				t.Errorf("%d events were seen of %d crashes", len(seen), rounds)
			}
		})
		readings.Go(func() {
			for ctx.Err() == nil {
				if _, err := i.Snapshot(ctx, ""); err != nil {
					t.Errorf("Tree: %v", err)
				}
				if _, err := i.Status(ctx, "top"); err != nil {
					t.Errorf("Status: %v", err)
				}
				if _, err := i.Children(ctx, "top/below"); err != nil && !errors.Is(err, sup.ErrNotRunning) {
					t.Errorf("Children: %v", err)
				}
				_, _ = i.Child(ctx, "top/below/a")
				_ = onRecord(s)
			}
		})
	}
	for range rounds {
		crash <- struct{}{}
	}
	if err := s.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	stop()
	readings.Wait()
}

// crashOnDemand is a worker that fails on request.
type crashOnDemand struct{ crash <-chan struct{} }

func (w *crashOnDemand) Run(ctx context.Context) error {
	select {
	case <-w.crash:
		return errBoom
	case <-ctx.Done():
		return nil
	}
}
