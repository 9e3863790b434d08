package remote_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// rude is an error whose methods panic.
type rude struct{}

func (rude) Error() string   { panic("rude") }
func (rude) Unwrap() []error { panic("rude") }

// rudeValue is a panic value whose method panics.
type rudeValue struct{}

func (rudeValue) String() string { panic("rude") }

// fails is a worker that fails at once, with a panic if the value is not an error.
type fails struct{ with any }

func (f fails) Run(context.Context) error {
	if err, ok := f.with.(error); ok {
		return err
	}
	panic(f.with)
}

// Package sup shields errors and panic values of workers, so the server calls none of
// their methods.
func TestErrorsWithMethodsThatPanicReachAClient(t *testing.T) {
	for name, with := range map[string]any{
		"an error":                rude{},
		"a wrapped error":         errors.Join(errLost, rude{}),
		"a nil pointer":           (*sup.CallError)(nil),
		"an incomplete CallError": &sup.CallError{},
		"a panic value":           rudeValue{},
		"a PanicError":            &sup.PanicError{Value: rude{}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := sup.NewKeyed(sup.KeyedSpec[string, sup.Worker]{
					Name: "rude", Backoff: sup.Backoff{Min: time.Hour},
					Start: func(_ context.Context, key string) (sup.Worker, error) {
						if key != "start" {
							return fails{with}, nil
						}
						if err, ok := with.(error); ok {
							return nil, err
						}
						panic(with)
					},
				})
				if err := s.Start(context.Background()); err != nil {
					t.Fatal(err)
				}
				w := newWire()
				defer serve(t, sup.Control(s), w, nil)()
				c := dial(t, w, remote.Dialer{})
				defer c.Close()
				if _, err := c.StartChild(t.Context(), "rude", "run"); err != nil {
					t.Fatal(err)
				}
				if _, err := c.StartChild(t.Context(), "rude", "start"); !errors.Is(err, sup.ErrStart) {
					t.Errorf("StartChild: %v", err)
				}
				synctest.Wait()
				child, err := c.Child(t.Context(), "rude/run")
				if err != nil || child.LastExit.Kind != sup.ExitAbnormal || child.LastExit.Err.Error() == "" {
					t.Errorf("last exit %v, %v", child.LastExit, err)
				}
				r := read(c, "", 0)
				var kinds []string
				for _, item := range r.soFar() {
					kinds = append(kinds, item.event.Kind.String())
				}
				if all := strings.Join(kinds, ", "); !strings.Contains(all, "child exited") {
					t.Errorf("events: %s", all)
				}
				r.stop()
				for range r.items {
				}
				if err := s.Shutdown(context.Background()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
