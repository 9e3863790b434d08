package sup_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// Events: A stream that begins while the supervisor starts misses no event. Outside of
// a bubble, because the two have to meet in the middle of a call.
func TestAStreamThatBeginsDuringTheStartMissesNothing(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for round := range 3000 {
		s := sup.New(sup.Spec[*fake]{Name: "s"})
		var running sync.WaitGroup
		running.Go(func() {
			for range round % 7 {
				runtime.Gosched()
			}
			if err := s.Start(ctx); err != nil {
				t.Error(err)
			}
		})
		started := false
		for e, err := range sup.Inspect(s).Events(ctx, "", 0) {
			if err != nil {
				t.Fatal(err)
			}
			if started = e.Kind == sup.SupervisorStarted && e.Seq == 1; started {
				break
			}
		}
		running.Wait()
		if err := s.Shutdown(ctx); err != nil {
			t.Fatal(err)
		}
		if !started {
			t.Fatalf("round %d: the stream has not begun with the start of the supervisor", round)
		}
	}
}
