package sup_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
)

// point is a key type that has no text form to parse.
type point struct{ X, Y int }

// grid is a key type that has a text form to parse.
type grid struct{ X, Y int }

func (g grid) String() string { return fmt.Sprintf("%d/%d", g.X, g.Y) }

func (g *grid) UnmarshalText(text []byte) error {
	if string(text) == "bomb" {
		panic("not even text")
	}
	_, err := fmt.Sscanf(string(text), "%d/%d", &g.X, &g.Y)
	return err
}

// shard is a key type with a text form. One of its values has no text.
type shard struct {
	Region string
	N      int
}

func (p shard) MarshalText() ([]byte, error) {
	switch p.N {
	case 0:
		return nil, errors.New("nowhere")
	case -1:
		panic("out of this world")
	}
	return fmt.Appendf(nil, "%s/%d", p.Region, p.N), nil
}

func (p *shard) UnmarshalText(text []byte) error {
	region, n, _ := strings.Cut(string(text), "/")
	_, err := fmt.Sscan(n, &p.N)
	p.Region = region
	return err
}

func startSet[K comparable](t *testing.T, keys ...K) sup.Controller {
	t.Helper()
	k := sup.NewKeyed(sup.KeyedSpec[K, *fake]{
		Name: "set", Start: func(context.Context, K) (*fake, error) { return &fake{}, nil },
	})
	if err := k.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, key := range keys {
		if _, err := k.StartChild(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() { _ = k.Shutdown(context.Background()) })
	return sup.Control(k)
}

// Control: A child of a set is found by the text of its key in its path, whatever the
// type of the key.
func TestAChildIsReachedByTheTextOfItsKey(t *testing.T) {
	bubble(t, func(t *testing.T) {
		check := func(c sup.Controller, id string) {
			t.Helper()
			children, err := c.Children(t.Context(), "")
			if err != nil || len(children) != 1 || children[0].ID != id {
				t.Fatalf("children %+v, %v; want one, %q", children, err, id)
			}
			path := "set/" + strings.NewReplacer("%", "%25", "/", "%2F").Replace(id)
			if info, err := c.Child(t.Context(), path); err != nil || info.ID != id {
				t.Errorf("Child(%q) = %+v, %v", path, info, err)
			}
			if err := c.TerminateChild(t.Context(), sup.Target{Path: path}); err != nil {
				t.Errorf("Terminate(%q) = %v", path, err)
			}
			if err := c.DeleteChild(t.Context(), sup.Target{Path: path}); err != nil {
				t.Errorf("Delete(%q) = %v", path, err)
			}
			if _, err := c.Child(t.Context(), path); !errors.Is(err, sup.ErrNotFound) {
				t.Errorf("after that, Child(%q) = %v", path, err)
			}
		}
		check(startSet(t, "50% of a/b"), "50% of a/b")
		check(startSet(t, -7), "-7")
		check(startSet(t, uint8(200)), "200")
		check(startSet(t, 2.5), "2.5")
		check(startSet(t, true), "true")
		check(startSet(t, grid{1, 2}), "1/2")
		check(startSet(t, shard{"eu", 3}), "eu/3")
		check(startSet(t, shard{"eu", 0}), "{eu 0}")
		check(startSet(t, shard{"eu", -1}), "{eu -1}")
		check(startSet(t, point{1, 2}), "{1 2}")
		check(startSet[any](t, 'x'), "120")
		check(startSet(t, time.Second), "1s")
	})
}

// Control: A child is started by the text of its key if the text can be parsed. A text
// that cannot be parsed is an error and starts nothing.
func TestAChildIsStartedByTheTextOfItsKey(t *testing.T) {
	bubble(t, func(t *testing.T) {
		started := func(c sup.Controller, key string, want error) {
			t.Helper()
			info, err := c.StartChild(t.Context(), "set", key)
			if !errors.Is(err, want) {
				t.Errorf("StartChild(%q) = %v; want %v", key, err, want)
			}
			if want == nil && (info.ID != key || info.State != sup.StateRunning) {
				t.Errorf("StartChild(%q) = %+v", key, info)
			}
			if status, _ := c.Status(t.Context(), ""); want != nil && len(status.States) != 0 {
				t.Errorf("children after the failed StartChild(%q): %v", key, status.States)
			}
		}
		started(startSet[string](t), "a/b", nil)
		started(startSet[int8](t), "-128", nil)
		started(startSet[int8](t), "128", sup.ErrKey)
		started(startSet[uint](t), "-1", sup.ErrKey)
		started(startSet[float64](t), "1e3x", sup.ErrKey)
		started(startSet[float64](t), "NaN", sup.ErrKey)
		started(startSet[bool](t), "maybe", sup.ErrKey)
		started(startSet[grid](t), "3/4", nil)
		started(startSet[shard](t), "us/4", nil)
		started(startSet[grid](t), "three", sup.ErrKey)
		started(startSet[grid](t), "bomb", sup.ErrPanic)
		started(startSet[point](t), "{1 2}", sup.ErrKey)
		started(startSet[any](t), "1", sup.ErrKey)
	})
}

// Control: A path that names no child is an error that gives the first part without a
// child.
func TestTheErrorOfAPathNamesThePartWithoutAChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		below := sup.New(sup.Spec[*fake]{Children: c.good(new(trace), "leaf", "a/b")})
		s := start(t, sup.Spec[sup.Worker]{Name: "top", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "below", Start: func(context.Context) (sup.Worker, error) { return below, nil }},
		}})
		i := sup.Inspect(s)
		for path, want := range map[string]error{
			"top/below":              nil,
			"top/below/leaf":         nil,
			"top/below/a%2Fb":        nil,
			"top/below/a/b":          sup.ErrNotFound,
			"top/below/a%2fb":        sup.ErrNotFound,
			"top/below/leaf/further": sup.ErrNotFound,
			"top/nobody/leaf":        sup.ErrNotFound,
			"top":                    sup.ErrNotFound,
			"":                       sup.ErrNotFound,
			"/":                      sup.ErrNotFound,
			"top/":                   sup.ErrNotFound,
			"top//leaf":              sup.ErrNotFound,
			"top/below/../below":     sup.ErrNotFound,
			"other/below":            sup.ErrNotFound,
			"top/below\x00":          sup.ErrNotFound,
		} {
			if _, err := i.Child(t.Context(), path); !errors.Is(err, want) {
				t.Errorf("Child(%q) = %v; want %v", path, err, want)
			}
		}
		if _, err := i.Snapshot(t.Context(), "top/below/leaf"); !errors.Is(err, sup.ErrNoSupervisor) {
			t.Errorf("Tree of a worker = %v", err)
		}
		for e, err := range i.Events(t.Context(), "top/nobody", 0) {
			if !errors.Is(err, sup.ErrNotFound) {
				t.Errorf("Events of an unknown path: %v, %v", e, err)
			}
		}
	})
}

// Control: A call with an empty path concerns the whole tree, and its error says so.
func TestTheErrorOfACallWithoutAPathNamesTheTree(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, sup.Spec[*fake]{Children: make(controls).good(new(trace), "a")})
		err := sup.Control(s).RestartChild(t.Context(), sup.Target{})
		if want := "restart: "; err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("error %v, want the prefix %q", err, want)
		}
	})
}

// Control: Shutdown of a nested supervisor stops it until an operator restarts it.
// Shutdown of the root ends the tree.
func TestASubtreeIsShutDownAndRestartedByPath(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[sup.Worker]{Name: "top", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "below", Start: func(context.Context) (sup.Worker, error) {
				return sup.New(sup.Spec[*fake]{Children: c.good(new(trace), "leaf")}), nil
			}},
		}})
		ctl := sup.Control(s)
		if err := ctl.Shutdown(t.Context(), sup.Target{Path: "top/below"}); err != nil {
			t.Fatal(err)
		}
		if info, _ := ctl.Child(t.Context(), "top/below"); info.State != sup.StateStopped {
			t.Errorf("state %v", info.State)
		}
		if _, err := ctl.Children(t.Context(), "top/below"); !errors.Is(err, sup.ErrNotRunning) {
			t.Errorf("children: %v", err)
		}
		if err := ctl.RestartChild(t.Context(), sup.Target{Path: "top/below", Incarnation: 7}); !errors.Is(err, sup.ErrIncarnation) {
			t.Errorf("Restart of an unknown incarnation = %v", err)
		}
		if err := ctl.RestartChild(t.Context(), sup.Target{Path: "top/below", Incarnation: 1}); err != nil {
			t.Errorf("Restart = %v", err)
		}
		if info, err := ctl.Child(t.Context(), "top/below/leaf"); err != nil || info.State != sup.StateRunning {
			t.Errorf("child of the supervisor: %+v, %v", info, err)
		}
		if err := ctl.Shutdown(t.Context(), sup.Target{}); err != nil {
			t.Errorf("Shutdown = %v", err)
		}
		if _, err := ctl.StartChild(t.Context(), "", "x"); !errors.Is(err, sup.ErrNotKeyed) {
			t.Errorf("StartChild on a supervisor without keys = %v", err)
		}
	})
}

// Control: A supervisor that waits for its restart can be shut down too, and does not
// come back.
func TestASupervisorInItsBackoffIsShutDownByPath(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[sup.Worker]{Name: "top", Intensity: ample, Children: []sup.ChildSpec[sup.Worker]{{
			ID: "below", Backoff: sup.Backoff{Min: time.Minute},
			Start: func(context.Context) (sup.Worker, error) {
				return sup.New(sup.Spec[*fake]{Intensity: sup.Intensity{Within: time.Second}, Children: c.good(new(trace), "leaf")}), nil
			},
		}}})
		c.die("leaf", errBoom)
		if err := sup.Control(s).Shutdown(t.Context(), sup.Target{Path: "top/below"}); err != nil {
			t.Errorf("Shutdown = %v", err)
		}
		time.Sleep(time.Hour)
		if got := states(s); got != "below stopped" {
			t.Errorf("states %s", got)
		}
	})
}

// Control: A call for an incarnation other than the current one is refused, however
// large the number.
func TestACallForAnotherIncarnationIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, sup.Spec[*fake]{Children: make(controls).good(new(trace), "a")})
		ctl := sup.Control(s)
		for _, n := range []int{-1, 2, 1 << 32, 1<<32 + 1} {
			target := sup.Target{Path: "supervisor/a", Incarnation: n}
			for _, err := range []error{ctl.TerminateChild(t.Context(), target), ctl.RestartChild(t.Context(), target), ctl.DeleteChild(t.Context(), target)} {
				if !errors.Is(err, sup.ErrIncarnation) {
					t.Errorf("of incarnation %d: %v", n, err)
				}
			}
		}
	})
}

// Control: A supervisor whose spec has a NewChild accepts children by id. Without a
// NewChild the error names what to do. A failure of NewChild is an error of the call.
func TestAChildIsAddedByItsID(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s := start(t, sup.Spec[*fake]{
			Name: "s", Children: c.good(tr, "a"),
			NewChild: func(id string) (sup.ChildSpec[*fake], error) {
				switch id {
				case "refused":
					return sup.ChildSpec[*fake]{}, errBoom
				case "bomb":
					panic(errBoom)
				}
				return c.child(tr, id), nil
			},
		})
		ctl := sup.Control(s)
		info, err := ctl.StartChild(t.Context(), "s", "b")
		if err != nil || info.ID != "b" || info.State != sup.StateRunning || !info.Added {
			t.Errorf("%+v, %v", info, err)
		}
		for id, want := range map[string]error{"refused": errBoom, "bomb": sup.ErrPanic, "": sup.ErrSpec, "b": sup.ErrAlreadyRunning} {
			if _, err := ctl.StartChild(t.Context(), "", id); !errors.Is(err, want) {
				t.Errorf("StartChild(%q) = %v; want %v", id, err, want)
			}
		}
		if err := s.TerminateChild(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		if _, err := ctl.StartChild(t.Context(), "", "a"); !errors.Is(err, sup.ErrAlreadyDeclared) {
			t.Errorf("%v; want ErrAlreadyDeclared", err)
		}
		expectStates(t, s, "a stopped, b running")

		shared := sup.NewStateful(sup.StatefulSpec[*fake, string, int]{
			NewChild: func(id string) (sup.StatefulChildSpec[*fake, string, int], error) {
				return sup.StatefulChildSpec[*fake, string, int]{Start: func(_ context.Context, state *kv.Context[string, int]) (*fake, error) {
					state.Set(id, 1)
					return &fake{}, nil
				}}, nil
			},
		})
		if err := shared.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		defer shared.Shutdown(context.Background())
		if _, err := sup.Control(shared).StartChild(t.Context(), "", "x"); err != nil {
			t.Error(err)
		}
		if n, _ := shared.State().Get("x"); n != 1 {
			t.Error("the child that was added has not been given the state")
		}
		if _, err := sup.Control(start(t, sup.Spec[*fake]{})).StartChild(t.Context(), "", "x"); !errors.Is(err, sup.ErrNotKeyed) {
			t.Errorf("%v; want ErrNotKeyed", err)
		}
	})
}

// Control: The error for a text that is no key says what is wrong with the text, and
// nothing else.
func TestTheErrorOfATextThatIsNoKeySaysWhy(t *testing.T) {
	bubble(t, func(t *testing.T) {
		_, err := startSet[uint8](t).StartChild(t.Context(), "", "300")
		want := `set/300: start child: not the text of a key: strconv.ParseUint: parsing "300": value out of range`
		if err == nil || err.Error() != want || !errors.Is(err, sup.ErrKey) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	})
}

// Control: A nil supervisor is shown like one that was never started.
func TestANilSupervisorIsShownAsNeverStarted(t *testing.T) {
	type tree struct{ *sup.Tree }
	for _, none := range []sup.AnySupervisor{nil, (*sup.Supervisor[*fake])(nil), (*sup.Keyed[int, *fake])(nil), tree{}, &tree{}, new(sup.Tree)} {
		c := sup.Control(none)
		if status, err := c.Status(t.Context(), ""); status.Running || len(status.States) != 0 || err != nil {
			t.Errorf("of %T: %+v, %v", none, status, err)
		}
		if _, err := c.Child(t.Context(), "a"); !errors.Is(err, sup.ErrNotFound) {
			t.Errorf("a child of %T: %v", none, err)
		}
		if err := c.Shutdown(t.Context(), sup.Target{}); err != nil {
			t.Errorf("Shutdown of %T: %v", none, err)
		}
		for range c.Events(t.Context(), "", 0) {
			t.Errorf("an event of %T", none)
		}
	}
}
