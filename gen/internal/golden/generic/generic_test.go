package generic_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/espalier-go/espalier/gen/internal/golden/generic"
)

func TestAGenericTreeRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, out := make(chan int), make(chan int)
		p := generic.NewPipeline(generic.PipelineFuncs(
			func(context.Context, *generic.Pipeline[int]) (*generic.Stage[int], error) {
				return &generic.Stage[int]{In: in, Out: out}, nil
			},
			func(_ context.Context, p *generic.Pipeline[int], key string) (*generic.Stage[int], error) {
				p.Seen.Set(key, 1)
				return &generic.Stage[int]{In: out}, nil
			},
		))
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		in <- 7
		if got := <-out; got != 7 {
			t.Errorf("got %d through the pipeline, want 7", got)
		}
		if _, err := p.Sinks.StartChild(t.Context(), "sink"); err != nil {
			t.Error(err)
		}
		if n, ok := p.Seen.Get("sink"); n != 1 || !ok {
			t.Errorf("the state holds %v, %v", n, ok)
		}
		if err := p.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
