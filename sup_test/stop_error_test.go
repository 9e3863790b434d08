package sup_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// deaf returns a child that does not stop before a channel is closed.
func deaf(id string, release chan struct{}) sup.ChildSpec[sup.Worker] {
	return sup.ChildSpec[sup.Worker]{ID: id, Shutdown: sup.Infinity, Start: func(context.Context) (sup.Worker, error) {
		return &fake{run: func(context.Context) error { refuseToReturn(release); return nil }}, nil
	}}
}

func hearing(ids ...string) (all []sup.ChildSpec[sup.Worker]) {
	for _, id := range ids {
		all = append(all, sup.ChildSpec[sup.Worker]{ID: id, Start: func(context.Context) (sup.Worker, error) { return new(fake), nil }})
	}
	return all
}

// below returns a supervisor as a child.
func below(id string, children ...sup.ChildSpec[sup.Worker]) sup.ChildSpec[sup.Worker] {
	return sup.ChildSpec[sup.Worker]{ID: id, Start: func(context.Context) (sup.Worker, error) {
		return sup.New(sup.Spec[sup.Worker]{Children: children}), nil
	}}
}

// setOf returns a set, some members of which do not stop.
func setOf(id string, release chan struct{}, deaf ...int) sup.ChildSpec[sup.Worker] {
	return sup.ChildSpec[sup.Worker]{ID: id, Start: func(context.Context) (sup.Worker, error) {
		return sup.NewReplicas(sup.ReplicasSpec[*fake]{Count: 6, Start: func(_ context.Context, i int) (*fake, error) {
			for _, d := range deaf {
				if i == d {
					return &fake{run: func(context.Context) error { refuseToReturn(release); return nil }}, nil
				}
			}
			return new(fake), nil
		}}), nil
	}}
}

// X10: The error of a stop that ran out of time names the children that were asked to
// stop and have not stopped, each with its path, incarnation and stack. Children that
// were not asked yet are counted apart and never blamed.
func TestAStopThatRanOutOfTimeBlamesOnlyTheChildrenAskedToStop(t *testing.T) {
	var release chan struct{} // made anew in the bubble of each case
	for _, tt := range []struct {
		name     string
		children func() []sup.ChildSpec[sup.Worker]
		blamed   []string
		notAsked int
		text     string
	}{
		{"six before it", func() []sup.ChildSpec[sup.Worker] {
			return append(hearing("a", "b", "c", "d", "e", "f"), deaf("g", release))
		},
			[]string{"supervisor/g"}, 6, "supervisor/g: not stopped in time, 6 not asked to stop yet"},
		{"between others", func() []sup.ChildSpec[sup.Worker] {
			return append(append(hearing("a", "b"), deaf("c", release)), hearing("d", "e")...)
		},
			[]string{"supervisor/c"}, 2, "supervisor/c: not stopped in time, 2 not asked to stop yet"},
		{"the first", func() []sup.ChildSpec[sup.Worker] {
			return append([]sup.ChildSpec[sup.Worker]{deaf("a", release)}, hearing("b", "c")...)
		},
			[]string{"supervisor/a"}, 0, "supervisor/a: not stopped in time"},
		{"in a nested supervisor", func() []sup.ChildSpec[sup.Worker] {
			return append(hearing("a", "b"), below("n", append(hearing("c"), below("m", append(hearing("d", "e"), deaf("f", release))...))...))
		},
			[]string{"supervisor/n/m/f"}, 5, "supervisor/n/m/f: not stopped in time, 5 not asked to stop yet"},
		{"behind a nested supervisor", func() []sup.ChildSpec[sup.Worker] {
			return append([]sup.ChildSpec[sup.Worker]{below("n", append(hearing("a"), below("m", hearing("b", "c")...), below("o"))...)}, deaf("d", release))
		},
			[]string{"supervisor/d"}, 4, "supervisor/d: not stopped in time, 4 not asked to stop yet"}, // o, a supervisor without children, is one
		{"in a set", func() []sup.ChildSpec[sup.Worker] { return append(hearing("a", "b"), setOf("s", release, 2, 4)) },
			[]string{"supervisor/s/2", "supervisor/s/4"}, 2, "supervisor/s/2, supervisor/s/4: not stopped in time, 2 not asked to stop yet"},
		{"many in a set", func() []sup.ChildSpec[sup.Worker] { return append(hearing("a"), setOf("s", release, 0, 1, 2, 3, 4)) },
			[]string{"supervisor/s/0", "supervisor/s/1", "supervisor/s/2", "supervisor/s/3", "supervisor/s/4"}, 1,
			"supervisor/s/0, supervisor/s/1, supervisor/s/2, and 2 more: not stopped in time, 1 not asked to stop yet"},
		{"behind a set", func() []sup.ChildSpec[sup.Worker] {
			return append([]sup.ChildSpec[sup.Worker]{setOf("s", release, 1)}, deaf("d", release))
		},
			[]string{"supervisor/d"}, 6, "supervisor/d: not stopped in time, 6 not asked to stop yet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				release = make(chan struct{})
				s, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Children: tt.children()})
				if err != nil {
					t.Fatal(err)
				}
				err = within(time.Second, s)
				expectBlamed(t, err, tt.blamed, tt.notAsked)
				if want := tt.text + ": context deadline exceeded"; err.Error() != want {
					t.Errorf("%q, want %q", err, want)
				}
				close(release)
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// X10: The error of an operator's stop of a nested supervisor names the same children,
// whether the context of the call or the child's shutdown timeout ends first.
func TestAnOperatorsStopOfANestedSupervisorBlamesOnlyTheChildrenAskedToStop(t *testing.T) {
	for name, patience := range map[string]time.Duration{"the call": time.Second, "the child": time.Hour} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				release := make(chan struct{})
				n := below("n", append(hearing("a", "b"), deaf("c", release))...)
				n.Shutdown = time.Minute
				s, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Children: append(hearing("x"), n)})
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				err = s.TerminateChild(ctx, "n")
				expectBlamed(t, err, []string{"supervisor/n/c"}, 2)
				if late := errors.Is(err, context.DeadlineExceeded); late != (name == "the call") {
					t.Error(err)
				}
				close(release)
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// X10: Children that have outlived their shutdown timeout are listed first.
func TestAStopThatRanOutOfTimeNamesStuckChildrenFirst(t *testing.T) {
	bubble(t, func(t *testing.T) {
		release := make(chan struct{})
		late, never := deaf("late", release), deaf("never", release)
		late.Shutdown, never.Shutdown = sup.Infinity, time.Second
		s, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Children: append(hearing("x"), late, never)})
		if err != nil {
			t.Fatal(err)
		}
		expectBlamed(t, within(time.Minute, s), []string{"supervisor/never", "supervisor/late"}, 1)
		close(release)
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// X4, X10: Under a context that has ended, the error blames the child that was asked
// first, and no other.
func TestAStopWithoutAnyTimeBlamesTheChildThatWasAskedFirst(t *testing.T) {
	for range 100 {
		bubble(t, func(t *testing.T) {
			release := make(chan struct{})
			s, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Children: append(hearing("x", "y"), deaf("d", release))})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Wait() // d is in Run now, so that its stack shows where
			expectBlamed(t, within(0, s), []string{"supervisor/d"}, 2)
			close(release)
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

func expectBlamed(t *testing.T, err error, paths []string, notAsked int) {
	t.Helper()
	if diff := cmp.Diff(paths, left(t, err)); diff != "" {
		t.Errorf("blamed (-want +got):\n%s", diff)
	}
	stuck, _ := errors.AsType[*sup.StuckError](err)
	if stuck.NotAsked != notAsked {
		t.Errorf("%d are not asked, want %d", stuck.NotAsked, notAsked)
	}
	for _, c := range stuck.Children {
		if c.Incarnation != 1 || !strings.Contains(c.Stack, "refuseToReturn") {
			t.Errorf("%s #%d is at\n%s", c.Path, c.Incarnation, c.Stack)
		}
	}
}
