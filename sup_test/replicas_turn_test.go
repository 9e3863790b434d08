package sup_test

import (
	"context"
	"sync"
	"testing"

	"github.com/espalier-go/espalier/sup"
)

// Next and Do find a live replica under any number of concurrent calls. Each
// call has its own turn and does not take the turn of another.
func TestConcurrentCallsFindTheLiveReplica(t *testing.T) {
	ctx := context.Background()
	r := sup.NewReplicas(sup.ReplicasSpec[*fake]{Count: 2, Start: func(context.Context, int) (*fake, error) { return &fake{}, nil }})
	if err := r.Start(ctx); err != nil {
		t.Fatal(err)
	}
	if err := r.TerminateChild(ctx, 1); err != nil {
		t.Fatal(err)
	}
	var callers sync.WaitGroup
	for range 4 {
		callers.Go(func() {
			for range 50_000 {
				if _, ok := r.Next(); !ok {
					t.Error("Next found no live replica")
					return
				}
				if err := r.Do(ctx, func(context.Context, *fake) error { return nil }); err != nil {
					t.Errorf("Do: %v", err)
					return
				}
			}
		})
	}
	callers.Wait()
	if err := r.Shutdown(ctx); err != nil {
		t.Error(err)
	}
}
