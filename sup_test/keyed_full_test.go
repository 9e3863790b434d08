package sup_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/espalier-go/espalier/sup"
)

// full starts a full set, and keeps starting the child 99, which is refused each time.
func full(t *testing.T, size int) (k *sup.Keyed[int, *fake], end func()) {
	t.Helper()
	ctx := context.Background()
	k = sup.NewKeyed(sup.KeyedSpec[int, *fake]{Max: size, Start: func(context.Context, int) (*fake, error) { return &fake{}, nil }})
	if err := k.Start(ctx); err != nil {
		t.Fatal(err)
	}
	for key := range size {
		if _, err := k.StartChild(ctx, key); err != nil {
			t.Fatal(err)
		}
	}
	var starter sync.WaitGroup
	var over atomic.Bool
	starter.Go(func() {
		for !over.Load() {
			if _, err := k.StartChild(ctx, 99); !errors.Is(err, sup.ErrMaxChildren) {
				t.Errorf("Start: %v", err)
			}
		}
	})
	return k, func() {
		over.Store(true)
		starter.Wait()
	}
}

// O1, O5: A child whose start is refused is never there to be removed. (It used to be
// in the map for a moment, and removing it took all other children off the list.)
func TestAChildThatIsRefusedCannotBeRemoved(t *testing.T) {
	k, end := full(t, 3)
	for range 100_000 {
		if err := k.RemoveChild(context.Background(), 99); !errors.Is(err, sup.ErrNotFound) {
			t.Errorf("Remove: %v", err)
			break
		}
	}
	end()
	if n := len(k.Children()); n != 3 {
		t.Errorf("%d children", n)
	}
	if err := k.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}

// H1: A handle does not find a refused child, and so does not miss the child that comes
// after it.
func TestAHandleDoesNotFindAChildThatIsRefused(t *testing.T) {
	k, end := full(t, 1)
	for range 100_000 {
		if info, is := k.Child(99).Info(); is {
			t.Errorf("refused child is shown: %+v", info)
			break
		}
	}
	end()
	if err := k.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
}
