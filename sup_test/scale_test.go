//go:build !race

// The race detector cannot follow more than 8128 goroutines at once.

package sup_test

import (
	"context"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// R1, O7, X3, X8: A million children of a set start, one in a hundred fails and
// is restarted, all appear in the snapshot, and all stop. This takes at most a
// minute of real time and 24 GiB, and leaves nothing behind.
func TestAMillionChildrenStartFailAndStopWithinAMinute(t *testing.T) {
	if os.Getenv("SOAK") == "" {
		t.Skip("takes a minute and some gigabytes; set SOAK")
	}
	const n, failing = 1_000_000, 10_000
	goroutines := runtime.NumGoroutine()
	began := time.Now()
	step := func(what string) {
		t.Logf("%-9s after %6.2f s, %4d MiB from the system", what, time.Since(began).Seconds(), fromSystem()>>20)
	}

	var entered sync.WaitGroup
	fail := make(chan struct{})
	entered.Add(n)
	k := sup.NewKeyed(sup.KeyedSpec[int, *fake]{
		Name:      "million",
		Intensity: sup.Unlimited,
		Start: func(ctx context.Context, key int) (*fake, error) {
			breaks := fail
			if key%(n/failing) != 0 || sup.Incarnation(ctx) > 1 {
				breaks = nil
			}
			return &fake{run: func(ctx context.Context) error {
				entered.Done()
				select {
				case <-breaks:
					return errBoom
				case <-ctx.Done():
					return ctx.Err()
				}
			}}, nil
		},
	})
	if err := k.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for key := range n {
		if _, err := k.StartChild(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	entered.Wait()
	step("started")

	entered.Add(failing)
	close(fail)
	entered.Wait()
	step("restarted")

	type standing struct {
		state       sup.State
		incarnation int
		restarts    int
		exit        sup.ExitKind
	}
	got := make(map[standing]int)
	for _, c := range k.Children() {
		got[standing{c.State, c.Incarnation, c.Restarts, c.LastExit.Kind}]++
	}
	want := map[standing]int{
		{sup.StateRunning, 1, 0, sup.ExitNone}:     n - failing,
		{sup.StateRunning, 2, 1, sup.ExitAbnormal}: failing,
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(standing{})); diff != "" {
		t.Errorf("the snapshot counts (-want +got):\n%s", diff)
	}
	step("seen")

	if err := k.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
	step("stopped")
	if left := k.Len(); left != n {
		t.Errorf("%d children are declared after the end, want %d", left, n)
	}
	for range 1000 { // goroutines may still be exiting
		if runtime.NumGoroutine() <= goroutines {
			break
		}
		runtime.Gosched()
	}
	if left := runtime.NumGoroutine() - goroutines; left > 0 {
		t.Errorf("%d goroutines are left", left)
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("took %v, want a minute at most", took)
	}
	if memory := fromSystem(); memory > 24<<30 {
		t.Errorf("took %d MiB of memory, want 24 GiB at most", memory>>20)
	}
}

// fromSystem returns all memory that the process has obtained, which is its
// peak.
func fromSystem() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.Sys
}
