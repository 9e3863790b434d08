package sup_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/espalier-go/espalier/sup"
)

// hostile is an error that calls runtime.Goexit in Is, which is code of the worker.
type hostile struct{}

func (hostile) Error() string { return "hostile" }
func (hostile) Is(error) bool { runtime.Goexit(); return true }

// opaque is an error that calls runtime.Goexit in Unwrap.
type opaque struct{}

func (opaque) Error() string { return "opaque" }
func (opaque) Unwrap() error { runtime.Goexit(); return nil }

var hostiles = map[string]error{"Is": hostile{}, "Unwrap": opaque{}}

// W2, W3: An error whose methods call runtime.Goexit is an abnormal exit. Each step of
// the incarnation still runs once, and nothing hangs.
func TestAnErrorWhoseMethodsCallGoexitIsAnAbnormalExit(t *testing.T) {
	ok := func(context.Context) error { return nil }
	for method, err := range hostiles {
		returns := func(context.Context) error { return err }
		for name, tt := range map[string]struct {
			start, initialize, run func(context.Context) error
			terminate              error
			runs, terminations     int32
		}{
			"start":           {start: returns},
			"Initialize":      {start: ok, initialize: returns, terminations: 1},
			"Run":             {start: ok, initialize: ok, run: returns, runs: 1, terminations: 1},
			"Terminate":       {start: ok, initialize: ok, run: ok, terminate: err, runs: 1, terminations: 1},
			"Run, Terminate":  {start: ok, initialize: ok, run: returns, terminate: err, runs: 1, terminations: 1},
			"Run, asked":      {start: ok, initialize: ok, run: func(ctx context.Context) error { <-ctx.Done(); return err }, runs: 1, terminations: 1},
			"a goroutine":     {start: ok, initialize: ok, run: gone(err), runs: 1, terminations: 1},
			"a goroutine end": {start: ok, initialize: ok, run: gathered(err), runs: 1, terminations: 1},
		} {
			t.Run(method+" of "+name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					var runs, terminations atomic.Int32
					s := sup.New(lone(sup.ChildSpec[*fake]{Restart: sup.Transient, Start: func(ctx context.Context) (*fake, error) {
						f := &fake{
							initialize: tt.initialize,
							run:        func(ctx context.Context) error { runs.Add(1); return tt.run(ctx) },
							terminate:  func(context.Context, sup.Exit) error { terminations.Add(1); return tt.terminate },
						}
						if sup.Incarnation(ctx) > 1 {
							return nil, sup.ErrIgnore
						}
						return f, tt.start(ctx)
					}}))
					err := s.Start(t.Context())
					synctest.Wait()
					switch {
					case tt.runs == 0:
						if !errors.Is(err, sup.ErrStart) || !errors.Is(err, sup.ErrGoexit) {
							t.Errorf("Start: %v", err)
						}
					case name == "Run, asked":
						if err := s.TerminateChild(t.Context(), "w"); err != nil {
							t.Error(err)
						}
					default:
						if last := s.Children()[0].LastExit; last.Kind != sup.ExitAbnormal || !errors.Is(last.Err, sup.ErrGoexit) {
							t.Errorf("the exit is %v", last)
						}
					}
					if got := runs.Load(); got != tt.runs {
						t.Errorf("%d calls of Run, want %d", got, tt.runs)
					}
					if got := terminations.Load(); got != tt.terminations {
						t.Errorf("%d calls of Terminate, want %d", got, tt.terminations)
					}
					if err := s.Shutdown(t.Context()); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

// gone starts a goroutine that fails, and waits until the incarnation is cancelled.
func gone(err error) func(context.Context) error {
	return func(ctx context.Context) error {
		if err := sup.Go(ctx, func(context.Context) error { return err }); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}
}

// gathered returns and leaves a goroutine that fails when it is asked to stop.
func gathered(err error) func(context.Context) error {
	return func(ctx context.Context) error {
		return sup.Go(ctx, func(ctx context.Context) error { <-ctx.Done(); return err })
	}
}
