package sup_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/espalier-go/espalier/sup"
)

func panicOut(value any) { panic(value) }

// W3: A panic in any step is an abnormal exit with value and stack. Goexit is
// abnormal too. Neither ends the supervisor.
func TestAPanicIsAnAbnormalExitWithValueAndStack(t *testing.T) {
	steps := map[string]func(end func()) func(context.Context) (*fake, error){
		"start function": func(end func()) func(context.Context) (*fake, error) {
			return func(context.Context) (*fake, error) { end(); return &fake{}, nil }
		},
		"Initialize": func(end func()) func(context.Context) (*fake, error) {
			return makes(fake{initialize: func(context.Context) error { end(); return nil }})
		},
		"Run": func(end func()) func(context.Context) (*fake, error) {
			return makes(fake{run: func(context.Context) error { end(); return nil }})
		},
		"Terminate": func(end func()) func(context.Context) (*fake, error) {
			return makes(fake{
				run:       func(context.Context) error { return nil },
				terminate: func(context.Context, sup.Exit) error { end(); return nil },
			})
		},
	}
	is := func(want any) func(any) bool { return func(got any) bool { return got == want } }
	panics := []struct {
		name  string
		end   func()
		value func(any) bool // nil for Goexit
		wraps error
	}{
		{"string", func() { panicOut("so what") }, is("so what"), sup.ErrPanic},
		{"error", func() { panicOut(errBoom) }, is(errBoom), errBoom},
		{"nil", func() { panicOut(nil) }, func(v any) bool { _, ok := v.(*runtime.PanicNilError); return ok }, sup.ErrPanic},
		{"runtime error", func() { panicOut(outOfRange(nil)) }, func(v any) bool { _, ok := v.(runtime.Error); return ok }, sup.ErrPanic},
		{"what would be an orderly end", func() { panicOut(sup.ErrShutdown) }, is(sup.ErrShutdown), sup.ErrShutdown},
		{"Goexit", runtime.Goexit, nil, sup.ErrGoexit},
		{"Goexit in place of a panic", func() { defer runtime.Goexit(); panicOut("lost") }, nil, nil},
	}
	for step, in := range steps {
		for _, p := range panics {
			t.Run(step+"/"+p.name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					exit := exitOf(t, false, in(p.end))
					if exit.Kind != sup.ExitAbnormal {
						t.Errorf("exit %v", exit)
					}
					if p.wraps != nil && !errors.Is(exit.Err, p.wraps) {
						t.Errorf("%v does not wrap %v", exit.Err, p.wraps)
					}
					if p.value == nil {
						return
					}
					got, ok := errors.AsType[*sup.PanicError](exit.Err)
					if !ok || !p.value(got.Value) {
						t.Fatalf("panic %#v", exit.Err)
					}
					if lines := strings.SplitN(got.Stack, "\n", 3); !strings.HasPrefix(lines[0], "goroutine ") || !strings.HasPrefix(lines[1], "panic(") {
						t.Errorf("the stack begins before the panic:\n%s", got.Stack)
					}
					if p.name != "runtime error" && !strings.Contains(got.Stack, "panicOut") {
						t.Errorf("the stack does not show where:\n%s", got.Stack)
					}
					if p.name == "runtime error" && !strings.Contains(got.Stack, "outOfRange") {
						t.Errorf("the stack does not show where:\n%s", got.Stack)
					}
				})
			})
		}
	}
}

func outOfRange(list []int) int { return list[len(list)] }

// W3: A panic while the worker is being stopped is abnormal, even if its value
// is the context's own error.
func TestAPanicDuringTheStopIsAbnormal(t *testing.T) {
	bubble(t, func(t *testing.T) {
		exit := exitOf(t, true, makes(fake{run: func(ctx context.Context) error { <-ctx.Done(); panic(ctx.Err()) }}))
		if exit.Kind != sup.ExitAbnormal || !errors.Is(exit.Err, sup.ErrPanic) {
			t.Errorf("exit %v", exit)
		}
	})
}

// W3: Goexit ends the worker's goroutine, and the child is restarted.
func TestAChildIsRestartedAfterGoexit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lone(sup.ChildSpec[*fake]{Start: makes(fake{run: func(ctx context.Context) error {
			if sup.Incarnation(ctx) <= 3 {
				runtime.Goexit()
			}
			<-ctx.Done()
			return nil
		}})}))
		synctest.Wait()
		if c := s.Children()[0]; c.State != sup.StateRunning || c.Incarnation != 4 || !errors.Is(c.LastExit.Err, sup.ErrGoexit) {
			t.Errorf("child %+v", c)
		}
	})
}

// W3: The error of Run is not lost if Terminate fails too.
func TestAnErrorOfTerminateMakesTheExitAbnormalAndHidesNothing(t *testing.T) {
	errClose := errors.New("close")
	for _, ended := range []error{nil, sup.ErrShutdown, errBoom} {
		t.Run(fmt.Sprint(ended), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				exit := exitOf(t, false, makes(fake{
					run:       func(context.Context) error { return ended },
					terminate: func(context.Context, sup.Exit) error { return errClose },
				}))
				if exit.Kind != sup.ExitAbnormal || !errors.Is(exit.Err, errClose) || ended != nil && !errors.Is(exit.Err, ended) {
					t.Errorf("exit %v", exit)
				}
			})
		})
	}
}

// W4: The kind of an exit depends on its error and on whether the supervisor
// asked for it.
func TestAnExitIsNormalOrShutdownOrAbnormal(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("wrapped: %w", err) }
	constant := func(err error) func(context.Context) error { return func(context.Context) error { return err } }
	for _, test := range []struct {
		name           string
		err            func(ctx context.Context) error
		unasked, asked sup.ExitKind // ExitNone if impossible
	}{
		{"nil", constant(nil), sup.ExitNormal, sup.ExitNormal},
		{"ErrShutdown", constant(sup.ErrShutdown), sup.ExitShutdown, sup.ExitShutdown},
		{"wrapped ErrShutdown", constant(wrap(sup.ErrShutdown)), sup.ExitShutdown, sup.ExitShutdown},
		{"error", constant(errBoom), sup.ExitAbnormal, sup.ExitAbnormal},
		{"Canceled", constant(context.Canceled), sup.ExitAbnormal, sup.ExitShutdown},
		{"wrapped Canceled", constant(wrap(context.Canceled)), sup.ExitAbnormal, sup.ExitShutdown},
		{"DeadlineExceeded", constant(context.DeadlineExceeded), sup.ExitAbnormal, sup.ExitAbnormal},
		{"gave up, after an orderly end below", constant(&sup.IntensityError{
			Exits: []sup.ChildExit{{Exit: sup.Exit{Kind: sup.ExitShutdown, Err: sup.ErrShutdown}}},
		}), sup.ExitAbnormal, sup.ExitAbnormal},
		{"Canceled out of a call of its own", func(ctx context.Context) error {
			own, cancel := context.WithCancel(ctx)
			cancel()
			return wrap(own.Err())
		}, sup.ExitAbnormal, sup.ExitShutdown},
		{"cause of a call of its own", func(ctx context.Context) error {
			own, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
			cancel(errBoom)
			return context.Cause(own)
		}, sup.ExitAbnormal, sup.ExitAbnormal},
		{"http.ErrServerClosed", constant(http.ErrServerClosed), sup.ExitAbnormal, sup.ExitShutdown},
		{"wrapped http.ErrServerClosed", constant(wrap(http.ErrServerClosed)), sup.ExitAbnormal, sup.ExitShutdown},
		{"net.ErrClosed", constant(net.ErrClosed), sup.ExitAbnormal, sup.ExitShutdown},
		{"a listener that was closed", func(context.Context) error {
			return wrap(&net.OpError{Op: "accept", Net: "tcp", Err: net.ErrClosed})
		}, sup.ExitAbnormal, sup.ExitShutdown},
		{"a file that was closed", func(context.Context) error {
			return &fs.PathError{Op: "read", Path: "log", Err: os.ErrClosed}
		}, sup.ExitAbnormal, sup.ExitShutdown},
		{"a pipe that was closed", constant(io.ErrClosedPipe), sup.ExitAbnormal, sup.ExitShutdown},
		{"several that were closed", constant(errors.Join(net.ErrClosed, http.ErrServerClosed)), sup.ExitAbnormal, sup.ExitShutdown},
		{"closed, and a real failure", constant(errors.Join(net.ErrClosed, errBoom)), sup.ExitAbnormal, sup.ExitAbnormal},
		{"a real failure about something closed", constant(fmt.Errorf("%w: %w", errBoom, http.ErrServerClosed)), sup.ExitAbnormal, sup.ExitAbnormal},
		{"a panic with something closed", constant(&sup.PanicError{Value: net.ErrClosed}), sup.ExitAbnormal, sup.ExitAbnormal},
		{"the context's error", func(ctx context.Context) error { return wrap(ctx.Err()) }, sup.ExitNone, sup.ExitShutdown},
		{"the context's cause", func(ctx context.Context) error { return wrap(context.Cause(ctx)) }, sup.ExitNone, sup.ExitShutdown},
	} {
		for asked, want := range map[bool]sup.ExitKind{false: test.unasked, true: test.asked} {
			if want == sup.ExitNone {
				continue
			}
			t.Run(fmt.Sprintf("%s/asked %v", test.name, asked), func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					var returned error
					exit := exitOf(t, asked, makes(fake{run: func(ctx context.Context) error {
						if asked {
							<-ctx.Done()
						}
						returned = test.err(ctx)
						return returned
					}}))
					if diff := cmp.Diff(sup.Exit{Kind: want, Err: returned}, exit, cmpopts.EquateErrors()); diff != "" {
						t.Errorf("exit (-want +got):\n%s", diff)
					}
				})
			})
		}
	}
}

// W4: A worker that returns the cause of its stop has been shut down, whatever
// error the sibling that caused the round failed with.
func TestTheCauseOfARoundIsNotAFailureOfTheStoppedSiblings(t *testing.T) {
	for _, failure := range []error{errBoom, sup.ErrGoexit, &sup.PanicError{Value: "boom"}, &sup.IntensityError{}, &sup.StuckError{}} {
		t.Run(failure.Error(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c := make(controls)
				wrapped := func(ctx context.Context) error {
					<-ctx.Done()
					return fmt.Errorf("stopped: %w", context.Cause(ctx))
				}
				s := start(t, sup.Spec[*fake]{Strategy: sup.OneForAll, Children: append(
					c.good(new(trace), "b"),
					sup.ChildSpec[*fake]{ID: "a", Start: makes(fake{run: wrapped})},
				)})
				c.die("b", failure)
				synctest.Wait()
				info, _ := s.Child("a").Info()
				if info.LastExit.Kind != sup.ExitShutdown || info.Failures != 0 {
					t.Errorf("the last exit is %v", info.LastExit)
				}
			})
		})
	}
}
