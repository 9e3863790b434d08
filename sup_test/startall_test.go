package sup_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// SEMANTICS, "Start", S7.

// replicas returns a set whose members take time to initialize, as slow says, and then
// fail if slow says so.
func replicas(count int, slow func(i int) (time.Duration, error)) *sup.Replicas[*fake] {
	return sup.NewReplicas(sup.ReplicasSpec[*fake]{Name: "r", Count: count, Start: func(_ context.Context, i int) (*fake, error) {
		return &fake{initialize: func(ctx context.Context) error {
			d, err := slow(i)
			select {
			case <-time.After(d):
				return err
			case <-ctx.Done():
				return ctx.Err()
			}
		}}, nil
	}})
}

// S7: Replicas start side by side.
func TestReplicasStartSideBySide(t *testing.T) {
	bubble(t, func(t *testing.T) {
		began := time.Now()
		r := replicas(40, func(int) (time.Duration, error) { return 50 * time.Millisecond, nil })
		if err := r.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != 50*time.Millisecond {
			t.Errorf("40 replicas of 50 ms took %v to start", took)
		}
		if err := r.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// S7: If a replica fails to start, those that are starting are cancelled at once, those
// that are ready are stopped, and the error names every one that failed.
func TestReplicasStartAllOrNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		began := time.Now()
		r := replicas(6, func(i int) (time.Duration, error) {
			switch i {
			case 1, 4:
				return time.Second, fmt.Errorf("failure of %d", i)
			case 0, 5:
				return time.Hour, nil
			}
			return 0, nil
		})
		err := r.Start(context.Background())
		if took := time.Since(began); took != time.Second {
			t.Errorf("the failed start took %v", took)
		}
		text := fmt.Sprint(err)
		if !errors.Is(err, sup.ErrStart) || !strings.Contains(text, "failure of 1") || !strings.Contains(text, "failure of 4") || strings.Contains(text, "r/0") {
			t.Errorf("error %v", err)
		}
		for _, c := range r.Children() {
			if c.State != sup.StateStopped {
				t.Errorf("%s is %v", c.ID, c.State)
			}
		}
	})
}

// S7: StartAll starts many children side by side. One that is there is left alone.
func TestStartAllStartsEachKeySideBySide(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := keyedOf(t, 0, func(ctx context.Context, key int) error { time.Sleep(time.Second); return nil })
		if _, err := k.StartChild(t.Context(), 7); err != nil {
			t.Fatal(err)
		}
		there, _ := k.Get(7)
		began := time.Now()
		if err := k.StartAll(t.Context(), upTo(3000)); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != time.Second {
			t.Errorf("StartAll took %v", took)
		}
		if is, _ := k.Get(7); is != there || k.Len() != 3000 {
			t.Errorf("%d children, and the one that was there is another: %v", k.Len(), is != there)
		}
	})
}

// S7: Each key is for itself: what started stays, what failed leaves nothing behind, and
// the error joins one error for each key that failed.
func TestStartAllTreatsEachKeyForItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := keyedOf(t, 5, func(_ context.Context, key int) error {
			if key%2 == 1 {
				return errBoom
			}
			return nil
		})
		err := k.StartAll(t.Context(), slices.Values([]int{0, 1, 2, 2, 3, 4, 6, 8}))
		joined, is := err.(interface{ Unwrap() []error })
		if !is || len(joined.Unwrap()) != 4 {
			t.Fatalf("error %v", err)
		}
		counts := map[error]int{}
		for _, err := range joined.Unwrap() {
			for _, sentinel := range []error{errBoom, sup.ErrMaxChildren} {
				if errors.Is(err, sentinel) {
					counts[sentinel]++
				}
			}
			if _, is := errors.AsType[*sup.CallError](err); !is {
				t.Errorf("%v is no CallError", err)
			}
		}
		if counts[errBoom] != 2 || counts[sup.ErrMaxChildren] != 2 {
			t.Errorf("errors %v", err)
		}
		synctest.Wait()
		if k.Len() != 3 {
			t.Errorf("%d children, want 3", k.Len())
		}
	})
}

// S7: When ctx ends, no further key is taken, and those that are still starting are
// removed.
func TestStartAllEndsWithItsContext(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := keyedOf(t, 0, func(ctx context.Context, key int) error {
			if key < 10 {
				return nil
			}
			<-ctx.Done()
			return ctx.Err()
		})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err := k.StartAll(ctx, upTo(50))
		if !errors.Is(err, context.DeadlineExceeded) || len(err.(interface{ Unwrap() []error }).Unwrap()) != 40 {
			t.Errorf("error %v", err)
		}
		if k.Len() != 10 {
			t.Errorf("%d children, want 10", k.Len())
		}
		taken := 0
		err = k.StartAll(ctx, func(yield func(int) bool) {
			for key := 100; yield(key); key++ {
				taken++
			}
		})
		if !errors.Is(err, context.DeadlineExceeded) || taken > 0 || k.Len() != 10 {
			t.Errorf("%d keys taken after the end of the context: %v", taken, err)
		}
	})
}

// S7, O6: StartAll on a set that does not run, or begins to end, says so.
func TestStartAllNeedsARunningSet(t *testing.T) {
	bubble(t, func(t *testing.T) {
		k := sup.NewKeyed(sup.KeyedSpec[int, *fake]{Start: func(context.Context, int) (*fake, error) { return new(fake), nil }})
		if err := k.StartAll(t.Context(), upTo(3)); !errors.Is(err, sup.ErrNotRunning) {
			t.Errorf("StartAll: %v", err)
		}
		k = sup.NewKeyed(sup.KeyedSpec[int, *fake]{Start: func(context.Context, int) (*fake, error) {
			return &fake{initialize: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }}, nil
		}})
		if err := k.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- k.StartAll(context.Background(), upTo(3)) }()
		synctest.Wait()
		if err := k.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-done; !errors.Is(err, sup.ErrShuttingDown) {
			t.Errorf("StartAll: %v", err)
		}
	})
}

// keyedOf starts a set whose members initialize as the function says.
func keyedOf(t *testing.T, limit int, initialize func(ctx context.Context, key int) error) *sup.Keyed[int, *fake] {
	t.Helper()
	k := sup.NewKeyed(sup.KeyedSpec[int, *fake]{Max: limit, Start: func(_ context.Context, key int) (*fake, error) {
		return &fake{initialize: func(ctx context.Context) error { return initialize(ctx, key) }}, nil
	}})
	if err := k.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return k
}

// upTo returns the keys from 0 to n-1.
func upTo(n int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for key := range n {
			if !yield(key) {
				return
			}
		}
	}
}
