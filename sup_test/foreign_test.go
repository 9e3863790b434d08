package sup_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/espalier-go/espalier/sup"
)

// A pointerError is returned as a nil pointer. All its methods panic then.
type pointerError struct{ text string }

func (e *pointerError) Error() string        { return e.text }
func (e *pointerError) Is(target error) bool { return e.text == target.Error() }
func (e *pointerError) As(any) bool          { return e.text != "" }
func (e *pointerError) Unwrap() error        { _ = e.text; return nil }

// A leavingError ends the goroutine of its caller.
type leavingError struct{}

func (leavingError) Error() string { runtime.Goexit(); return "" }

// A fickleError has methods that fail one by one.
type fickleError struct{ fails string }

func (e fickleError) fail(method string) {
	if e.fails == method {
		panic("no " + method)
	}
}
func (e fickleError) Error() string   { e.fail("Error"); return "fickle" }
func (e fickleError) Is(error) bool   { e.fail("Is"); return false }
func (e fickleError) As(any) bool     { e.fail("As"); return false }
func (e fickleError) Unwrap() []error { e.fail("Unwrap"); return []error{errBoom} }

var foreignErrors = map[string]struct {
	err  error
	text string // part of the text of the exit
	what error  // error that the exit wraps
}{
	"a nil pointer":          {(*pointerError)(nil), "error of type nil *sup_test.pointerError", sup.ErrPanic},
	"a wrapped nil pointer":  {fmt.Errorf("no: %w", (*pointerError)(nil)), "no: ", sup.ErrPanic},
	"a joined nil pointer":   {errors.Join(errBoom, (*pointerError)(nil)), "error of type *errors.joinError", sup.ErrPanic},
	"a nil pointer of ours":  {(*sup.StartError)(nil), "error of type nil *sup.StartError", sup.ErrPanic},
	"a nil pointer in ours":  {&sup.StartError{Path: "x", Err: (*pointerError)(nil)}, "x: start: error of type nil *sup_test.pointerError", sup.ErrPanic},
	"Goexit":                 {leavingError{}, "error of type sup_test.leavingError", sup.ErrGoexit},
	"Goexit in ours":         {&sup.CallError{Op: "x", Err: leavingError{}}, "error of type *sup.CallError", sup.ErrGoexit},
	"an Error that panics":   {fickleError{"Error"}, "no Error", sup.ErrPanic},
	"an Is that panics":      {fickleError{"Is"}, "fickle", sup.ErrPanic},
	"an As that panics":      {fickleError{"As"}, "fickle", sup.ErrPanic},
	"an Unwrap that panics":  {fickleError{"Unwrap"}, "fickle", sup.ErrPanic},
	"a Goexit in a panic":    {nil, "panic", sup.ErrPanic}, // panics with a leavingError
	"a nil pointer in panic": {nil, "panic", sup.ErrPanic},
	"a Stringer in a panic":  {nil, "panic: value of type sup_test.foreignKey", sup.ErrPanic},
}

// W3: The methods of an error that a worker returns run only in goroutines that survive
// them. Whatever they do, the exit is abnormal, has a text, and works with errors.Is
// and errors.As.
func TestAnErrorWhoseMethodsDoNotReturnHarmsNoCaller(t *testing.T) {
	for name, tt := range foreignErrors {
		for _, step := range []string{"Run", "Start", "Go", "Terminate"} {
			t.Run(name+" in "+step, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					fails := func(context.Context) error {
						switch name {
						case "a Goexit in a panic":
							panic(leavingError{})
						case "a nil pointer in panic":
							panic((*pointerError)(nil))
						case "a Stringer in a panic":
							panic(foreignKey("leaves"))
						}
						return tt.err
					}
					spec := lone(failsIn(step, fails))
					spec.Intensity = sup.Intensity{Restarts: 1, Within: 1}
					spec.Observers = []sup.Observer{sup.Log(slog.New(slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug})))}
					s := sup.New(spec)
					err := s.Start(context.Background())
					synctest.Wait()
					if step != "Start" {
						err = s.Err()
					}
					expectHarmless(t, err, tt.text, tt.what)
					tree := s.Snapshot()
					if text := tree.String(); !strings.Contains(text, "last exit abnormal: ") {
						t.Error(text)
					}
					if _, err := json.Marshal(tree); err != nil {
						t.Error(err)
					}
					exit := tree.Children[0].LastExit
					expectHarmless(t, exit.Err, tt.text, tt.what)
					if exit.Kind != sup.ExitAbnormal {
						t.Errorf("the exit is %v", exit)
					}
					if p, is := errors.AsType[*pointerError](exit.Err); name == "a nil pointer" && (!is || p != nil) {
						t.Error("the error cannot be reached")
					}
					for _, e := range onRecord(s) {
						if _, err := json.Marshal(e); err != nil {
							t.Error(err)
						}
					}
					if err := s.Shutdown(context.Background()); err != nil {
						t.Error(err)
					}
				})
			})
		}
	}
}

func failsIn(step string, fails func(context.Context) error) sup.ChildSpec[*fake] {
	f := fake{}
	switch step {
	case "Run":
		f.run = fails
	case "Go":
		f.run = func(ctx context.Context) error {
			goIn(ctx, fails)
			<-ctx.Done()
			return nil
		}
	case "Terminate":
		f.run = func(context.Context) error { return errBoom }
		f.terminate = func(ctx context.Context, _ sup.Exit) error { return fails(ctx) }
	}
	return sup.ChildSpec[*fake]{Start: func(ctx context.Context) (*fake, error) {
		if step == "Start" {
			return nil, fails(ctx)
		}
		return &f, nil
	}}
}

// expectHarmless calls everything on an error that a caller may call.
func expectHarmless(t *testing.T, err error, text string, what error) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	if got := err.Error(); !strings.Contains(got, text) {
		t.Errorf("%q does not say %q", got, text)
	}
	if got := fmt.Sprintf("%v, %+v", err, sup.Exit{Kind: sup.ExitAbnormal, Err: err}); !strings.Contains(got, text) {
		t.Errorf("%q does not say %q", got, text)
	}
	if !errors.Is(err, what) {
		t.Errorf("%v is not %v", err, what)
	}
	if errors.Is(err, io.EOF) {
		t.Errorf("%v is io.EOF", err)
	}
	var none *json.SyntaxError
	if errors.As(err, &none) {
		t.Errorf("%v is a %T", err, none)
	}
}

// W4: An exit carries an ordinary error itself, not a copy.
func TestAnExitCarriesAnOrdinaryErrorItself(t *testing.T) {
	own := &pointerError{"own"}
	for _, err := range []error{errBoom, own, fmt.Errorf("x: %w", own), errors.Join(own, errBoom), fickleError{}, context.DeadlineExceeded} {
		bubble(t, func(t *testing.T) {
			exit := exitOf(t, false, makes(fake{run: func(context.Context) error { return err }}))
			if fmt.Sprintf("%p", exit.Err) != fmt.Sprintf("%p", err) || exit.Err.Error() != err.Error() {
				t.Errorf("the exit has %#v, not %#v", exit.Err, err)
			}
		})
	}
}

// X4, X7: A cause that a caller gives to a context is as harmless, whatever its methods
// do.
func TestACauseWhoseMethodsDoNotReturnHarmsNoCaller(t *testing.T) {
	bubble(t, func(t *testing.T) {
		for _, cause := range []error{(*pointerError)(nil), leavingError{}} {
			release := make(chan struct{})
			ctx, cancel := context.WithCancelCause(context.Background())
			cancel(cause)
			var seen error
			s := start(t, sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{{ID: "w", Start: makes(fake{run: func(ctx context.Context) error {
				refuseToReturn(release)
				return nil
			}})}}})
			err := s.Shutdown(ctx)
			expectHarmless(t, err, "error of type", sup.ErrStuck)
			close(release)
			if _, err := s.Child("v").Wait(ctx); err == nil {
				t.Error("no error")
			} else {
				_ = err.Error()
			}

			life, end := context.WithCancelCause(context.Background())
			s, err = sup.Start(life, sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{{ID: "w", Start: makes(fake{run: func(ctx context.Context) error {
				<-ctx.Done()
				seen = context.Cause(ctx)
				return seen
			}})}}})
			if err != nil {
				t.Fatal(err)
			}
			end(cause)
			<-s.Done()
			expectHarmless(t, seen, "error of type", sup.ErrShutdown)
			if exit := s.Children()[0].LastExit; exit.Kind != sup.ExitShutdown {
				t.Errorf("the exit is %v", exit)
			}
		}
	})
}

// A foreignKey has methods that do not return.
type foreignKey string

func (k foreignKey) String() string {
	if k == "leaves" {
		runtime.Goexit()
	}
	panic("no String")
}

func (k foreignKey) MarshalText() ([]byte, error) {
	if k == "leaves" {
		runtime.Goexit()
	}
	panic("no MarshalText")
}

func (k *foreignKey) UnmarshalText([]byte) error { runtime.Goexit(); return nil }

// O1: A key whose methods do not return harms no caller. Its child is named by the type
// of the key.
func TestAKeyWhoseMethodsDoNotReturnHarmsNoCaller(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := sup.NewKeyed(sup.KeyedSpec[foreignKey, *fake]{Start: func(context.Context, foreignKey) (*fake, error) { return new(fake), nil }})
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		returned := false
		go func() {
			_, err := s.StartChild(t.Context(), "leaves")
			if err != nil {
				t.Error(err)
			}
			if err := s.DeleteChild(context.Background(), "leaves"); !errors.Is(err, sup.ErrRunning) {
				t.Error(err)
			}
			if _, err := sup.Control(s).StartChild(t.Context(), "", "x"); !errors.Is(err, sup.ErrKey) || !errors.Is(err, sup.ErrGoexit) {
				t.Error(err)
			}
			returned = true
		}()
		synctest.Wait()
		if !returned {
			t.Error("the goroutine of a caller has ended")
		}
		if tree := s.Snapshot().String(); !strings.Contains(tree, "sup_test.foreignKey") {
			t.Error(tree)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
