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

// These tests cover "Nesting" N1 to N3. Handles below a nested tree, depth, and stuck
// children further down are in nesting_tree_test.go.

// A nestable is a supervisor of one child, x, as the child of another one.
type nestable struct {
	name  string
	child string // id of x
	make  func(limit sup.Intensity, x sup.ChildSpec[*fake]) sup.Worker
	add   func(ctx context.Context, w sup.Worker) error // adds x to a set that begins empty
}

// service is a worker that embeds a supervisor.
type service struct {
	*sup.Supervisor[*fake]
	tr *trace
}

func (s *service) Initialize(ctx context.Context) error {
	s.tr.add("open")
	return s.Supervisor.Initialize(ctx)
}

func (s *service) Terminate(context.Context, sup.Exit) error {
	s.tr.add("close")
	return nil
}

// house is a tree with one field.
type house struct {
	sup.Tree
	X sup.Child[*fake]
}

func newSupervisor(limit sup.Intensity, x sup.ChildSpec[*fake]) *sup.Supervisor[*fake] {
	return sup.New(sup.Spec[*fake]{Name: "own", Intensity: limit, Children: []sup.ChildSpec[*fake]{x}})
}

func newHouse(limit sup.Intensity, x sup.ChildSpec[*fake]) *house {
	h := new(house)
	h.Declare(sup.TreeSpec{Name: "own", Intensity: limit}, h.X.Declare(x))
	return h
}

var nestables = []nestable{
	{name: "supervisor", child: "x", make: func(limit sup.Intensity, x sup.ChildSpec[*fake]) sup.Worker { return newSupervisor(limit, x) }},
	{name: "tree", child: "x", make: func(limit sup.Intensity, x sup.ChildSpec[*fake]) sup.Worker { return newHouse(limit, x) }},
	{
		name: "wrapper", child: "x",
		make: func(limit sup.Intensity, x sup.ChildSpec[*fake]) sup.Worker {
			return &service{newSupervisor(limit, x), new(trace)}
		},
	},
	{
		name: "replicas", child: "0",
		make: func(limit sup.Intensity, x sup.ChildSpec[*fake]) sup.Worker {
			return sup.NewReplicas(sup.ReplicasSpec[*fake]{
				Name: "own", Count: 1, Intensity: limit,
				Start: func(ctx context.Context, _ int) (*fake, error) { return x.Start(ctx) },
			})
		},
	},
	{
		name: "keyed", child: "7",
		make: func(limit sup.Intensity, x sup.ChildSpec[*fake]) sup.Worker {
			return sup.NewKeyed(sup.KeyedSpec[int, *fake]{
				Name: "own", Intensity: limit,
				Start: func(ctx context.Context, _ int) (*fake, error) { return x.Start(ctx) },
			})
		},
		add: func(ctx context.Context, w sup.Worker) error {
			_, err := w.(*sup.Keyed[int, *fake]).StartChild(ctx, 7)
			return err
		},
	},
}

// around returns a supervisor with the children a, inner and b.
func around(c controls, tr *trace, inner sup.ChildSpec[sup.Worker]) []sup.ChildSpec[sup.Worker] {
	inner.ID = "inner"
	return []sup.ChildSpec[sup.Worker]{asWorker(c.child(tr, "a")), inner, asWorker(c.child(tr, "b"))}
}

// innerOf returns the info of the child inner, including its children.
func innerOf(s interface{ Snapshot() sup.SupervisorInfo }) sup.ChildInfo {
	synctest.Wait()
	return s.Snapshot().Children[1]
}

// N1: A supervisor of any type is a worker. It is ready when its children are, its
// children start and stop at its place in the order of the whole tree, and it handles
// failures below by itself. It stops its children first.
func TestASupervisorOfAnyTypeCanBeAChild(t *testing.T) {
	for _, n := range nestables {
		t.Run(n.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				var path string
				x := with(c.child(tr, "x"), func(f *fake) {
					initialize := f.initialize
					f.initialize = func(ctx context.Context) error { path = sup.Path(ctx); return initialize(ctx) }
				})
				s := start(t, sup.Spec[sup.Worker]{Name: "root", Intensity: none, Children: around(c, tr, sup.ChildSpec[sup.Worker]{
					Start: func(context.Context) (sup.Worker, error) { return n.make(ample, x), nil },
				})})
				if n.add == nil {
					tr.expect(t, "start a, start x, start b")
				} else {
					w, _ := s.Child("inner").Get()
					if err := n.add(t.Context(), w); err != nil {
						t.Fatal(err)
					}
					tr.expect(t, "start a, start b, start x")
				}
				c.die("x", errBoom)
				tr.expect(t, "die x, start x")
				inner := innerOf(s)
				if inner.Kind != sup.KindSupervisor || inner.State != sup.StateRunning || inner.Incarnation != 1 || inner.Supervisor == nil {
					t.Fatalf("%+v", inner)
				}
				if below := inner.Supervisor; !below.Running || below.Path != "root/inner" || below.Restarts != 1 ||
					len(below.Children) != 1 || below.Children[0].ID != n.child || below.Children[0].Incarnation != 2 {
					t.Errorf("%+v", below)
				}
				if path != "root/inner/"+n.child {
					t.Errorf("the path of x is %s", path)
				}
				expectUpAny(t, s)
				if err := s.Shutdown(t.Context()); err != nil {
					t.Error(err)
				}
				tr.expect(t, "stop b, stop x, stop a")
			})
		})
	}
}

func expectUpAny(t *testing.T, s *sup.Supervisor[sup.Worker]) {
	t.Helper()
	synctest.Wait()
	if !s.Snapshot().Running {
		t.Fatalf("the supervisor has ended: %v", s.Err())
	}
}

// N1: Nest declares a supervisor of any type as a child of a tree.
func TestASupervisorCanBeNestedInATree(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		var root, tree house
		root.Declare(sup.TreeSpec{Name: "root"},
			root.X.Declare(c.child(tr, "a")),
			sup.Nest(newSupervisor(ample, c.child(tr, "x")), sup.ChildSpec[*sup.Supervisor[*fake]]{ID: "supervisor"}),
			sup.Nest(&tree, sup.ChildSpec[*house]{ID: "tree"}),
			sup.Nest(&service{newSupervisor(ample, c.child(tr, "z")), tr}, sup.ChildSpec[*service]{ID: "service"}),
		)
		tree.Declare(sup.TreeSpec{}, tree.X.Declare(c.child(tr, "y")))
		if err := root.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		tr.expect(t, "start a, start x, start y, open, start z")
		want := "root one_for_one 3/5s\n" +
			"├── a permanent running\n" +
			"├── supervisor permanent running, one_for_one 1000/1000h\n" +
			"│   └── x permanent running\n" +
			"├── tree permanent running, one_for_one 3/5s\n" +
			"│   └── y permanent running\n" +
			"└── service permanent running, one_for_one 1000/1000h\n" +
			"    └── z permanent running\n"
		if diff := cmp.Diff(want, root.Snapshot().String()); diff != "" {
			t.Errorf("tree (-want +got):\n%s", diff)
		}
		if err := root.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		tr.expect(t, "stop z, close, stop y, stop x, stop a")
	})
}

// N1: A wrapper that embeds a supervisor is a supervisor. Its own steps surround the
// supervisor's steps at every start.
func TestAWrapperThatEmbedsASupervisorIsASupervisor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, tr := make(controls), new(trace)
		s := start(t, sup.Spec[*service]{Children: []sup.ChildSpec[*service]{{
			ID: "inner", Start: func(context.Context) (*service, error) {
				return &service{newSupervisor(none, c.child(tr, "x")), tr}, nil
			},
		}}})
		tr.expect(t, "open, start x")
		c.die("x", errBoom)
		tr.expect(t, "die x, close, open, start x")
		w, ok := s.Child("inner").Get()
		if !ok || states(w) != "x running" {
			t.Errorf("inner: %v", ok)
		}
		if err := s.TerminateChild(t.Context(), "inner"); err != nil {
			t.Error(err)
		}
		tr.expect(t, "stop x, close")
	})
}

// N1: A nested supervisor has an ordinary restart policy. After a normal end, by
// Shutdown or with its significant children, it is restarted only if it is permanent.
func TestANestedSupervisorThatEndsNormallyIsRestartedOnlyIfPermanent(t *testing.T) {
	for restart, want := range map[sup.Restart]string{
		sup.Permanent: "a running, inner running, b running",
		sup.Transient: "a running, inner stopped, b running",
		sup.Temporary: "a running, b running",
	} {
		for name, end := range map[string]func(c controls, w *sup.Supervisor[*fake]) error{
			"shut down":   func(_ controls, w *sup.Supervisor[*fake]) error { return w.Shutdown(context.Background()) },
			"significant": func(c controls, _ *sup.Supervisor[*fake]) error { c.die("x", nil); return nil },
		} {
			t.Run(restart.String()+", "+name, func(t *testing.T) {
				bubble(t, func(t *testing.T) {
					c, tr := make(controls), new(trace)
					x := c.child(tr, "x")
					x.Restart, x.Significant = sup.Transient, true
					s := start(t, sup.Spec[sup.Worker]{Intensity: ample, Children: around(c, tr, sup.ChildSpec[sup.Worker]{
						Restart: restart, Start: func(context.Context) (sup.Worker, error) {
							return sup.New(sup.Spec[*fake]{AutoShutdown: sup.AutoShutdownAnySignificant, Children: []sup.ChildSpec[*fake]{x}}), nil
						},
					})})
					w, _ := s.Child("inner").Get()
					if err := end(c, w.(*sup.Supervisor[*fake])); err != nil {
						t.Error(err)
					}
					expectStates(t, s, want)
					if restart == sup.Permanent {
						expectCount(t, s, 1)
						if exit := innerOf(s).LastExit; exit.Kind != sup.ExitNormal {
							t.Errorf("exit %v", exit)
						}
					}
				})
			})
		}
	}
}

// N2: A nested supervisor that gives up exits abnormally and costs its parent one
// count. It comes back, also if it is transient but not if it is temporary. It then has
// its declared children only and counts from zero.
func TestANestedSupervisorThatGivesUpComesBackWithItsDeclaredChildren(t *testing.T) {
	for restart, want := range map[sup.Restart]string{
		sup.Permanent: "die x, stop added, start x",
		sup.Transient: "die x, stop added, start x",
		sup.Temporary: "die x, stop added",
	} {
		t.Run(restart.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				inner := sup.ChildSpec[sup.Worker]{Restart: restart, Start: func(context.Context) (sup.Worker, error) {
					return newSupervisor(sup.Intensity{Restarts: 1, Within: time.Hour}, c.child(tr, "x")), nil
				}}
				s := start(t, sup.Spec[sup.Worker]{Name: "root", Intensity: ample, Children: around(c, tr, inner)})
				w, _ := s.Child("inner").Get()
				if _, err := w.(*sup.Supervisor[*fake]).StartChild(t.Context(), c.child(tr, "added")); err != nil {
					t.Fatal(err)
				}
				c.die("x", errBoom)
				tr.take()
				expectCount(t, s, 0)
				c.die("x", errBoom)
				tr.expect(t, want)
				if restart == sup.Temporary {
					expectStates(t, s, "a running, b running")
					expectCount(t, s, 0)
					return
				}
				expectCount(t, s, 1)
				i := innerOf(s)
				if i.State != sup.StateRunning || i.Incarnation != 2 || i.Restarts != 1 || i.LastExit.Kind != sup.ExitAbnormal || !errors.Is(i.LastExit.Err, sup.ErrIntensity) {
					t.Errorf("%+v", i)
				}
				if below := i.Supervisor; below.Restarts != 0 || len(below.Children) != 1 || below.Children[0].ID != "x" || below.Children[0].Incarnation != 1 {
					t.Errorf("%+v", below)
				}
			})
		})
	}
}

// N2: A set that gives up comes back too. Its replicas return; members of a keyed set
// are gone.
func TestASetThatGivesUpComesBack(t *testing.T) {
	for _, n := range nestables {
		t.Run(n.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				c, tr := make(controls), new(trace)
				s := start(t, sup.Spec[sup.Worker]{Intensity: ample, Children: around(c, tr, sup.ChildSpec[sup.Worker]{
					Restart: sup.Transient,
					Start:   func(context.Context) (sup.Worker, error) { return n.make(none, c.child(tr, "x")), nil },
				})})
				want := "die x, start x"
				if n.add != nil {
					w, _ := s.Child("inner").Get()
					if err := n.add(t.Context(), w); err != nil {
						t.Fatal(err)
					}
					want = "die x"
				}
				tr.take()
				c.die("x", errBoom)
				tr.expect(t, want)
				expectCount(t, s, 1)
				if i := innerOf(s); i.State != sup.StateRunning || i.Incarnation != 2 || (len(i.Supervisor.Children) == 0) != (n.add != nil) {
					t.Errorf("%+v", i)
				}
			})
		})
	}
}

// N3: The error of an escalation wraps the whole chain down to the first cause. Its
// text names each path once.
func TestTheErrorOfAnEscalationWrapsTheChainDownToTheFirstCause(t *testing.T) {
	for name, end := range map[string]func() error{
		"error": func() error { return errBoom },
		"panic": func() error { panic(errBoom) },
		"call":  func() error { return &sup.CallError{Op: "ask", Path: "elsewhere", Err: errBoom} },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				crash := make(chan struct{})
				s := start(t, deep(3, sup.ChildSpec[sup.Worker]{ID: "x", Start: func(context.Context) (sup.Worker, error) {
					return workerFunc(func(context.Context) error { <-crash; return end() }), nil
				}}))
				close(crash)
				<-s.Done()
				err := s.Err()
				if !errors.Is(err, errBoom) || !errors.Is(err, sup.ErrIntensity) {
					t.Errorf("%v does not wrap %v", err, errBoom)
				}
				if msg := err.Error(); !strings.HasPrefix(msg, "root: more than ") || strings.Contains(msg, "abnormal: root") || !strings.Contains(msg, "boom") {
					t.Errorf("the message is %s", msg)
				}
				var paths []string
				for at, ok := errors.AsType[*sup.IntensityError](err); ok; at, ok = errors.AsType[*sup.IntensityError](err) {
					paths = append(paths, at.Path)
					err = at.Exits[len(at.Exits)-1].Exit.Err
				}
				if diff := cmp.Diff([]string{"root", "root/n", "root/n/n", "root/n/n/n"}, paths); diff != "" {
					t.Errorf("supervisors that gave up (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// deep returns the spec of a supervisor with n more below it, each in the other, and a
// child at the bottom. None of them allows a restart.
func deep(n int, bottom sup.ChildSpec[sup.Worker]) sup.Spec[sup.Worker] {
	spec := sup.Spec[sup.Worker]{Intensity: none, Children: []sup.ChildSpec[sup.Worker]{bottom}}
	for range n {
		inner := spec
		spec = sup.Spec[sup.Worker]{Intensity: none, Children: []sup.ChildSpec[sup.Worker]{
			{ID: "n", Start: func(context.Context) (sup.Worker, error) { return sup.New(inner), nil }},
		}}
	}
	spec.Name = "root"
	return spec
}
