package sup_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/kv"
	"github.com/espalier-go/espalier/sup"
)

// asks holds every operator call on a supervisor of one type, by name.
type asks map[string]func(ctx context.Context) error

// root has the methods that supervisors of all types share.
type root interface {
	sup.AnySupervisor
	sup.Initializer
	Start(ctx context.Context) error
	Shutdown(ctx context.Context) error
	Done() <-chan struct{}
	Err() error
	Name() string
	Strategy() sup.Strategy
	Intensity() sup.Intensity
	Uptime() time.Duration
	Children() []sup.ChildInfo
	Snapshot() sup.SupervisorInfo
}

// A face is one type of supervisor, with its calls and its reads.
type face struct {
	name  string
	root  root
	calls asks
	waits asks        // calls that wait for a start, and fail once the supervisor has ended
	reads func() bool // makes every read of the type, and reports whether one returned a worker
}

func good(context.Context) (*fake, error) { return &fake{}, nil }

// child0 is the child that every face has once it has started.
var child0 = sup.ChildSpec[*fake]{ID: "0", Start: good}

func waitsOf(h sup.Child[*fake]) asks {
	return asks{
		"Wait": func(ctx context.Context) error { _, err := h.Wait(ctx); return err },
		"Do":   func(ctx context.Context) error { return h.Do(ctx, func(context.Context, *fake) error { return nil }) },
	}
}

func supervisorFace(s *sup.Supervisor[*fake]) face {
	return face{"Supervisor", s, asks{
		"StartChild": func(ctx context.Context) error {
			_, err := s.StartChild(ctx, sup.ChildSpec[*fake]{ID: "new", Start: good})
			return err
		},
		"StartChild, taken": func(ctx context.Context) error { _, err := s.StartChild(ctx, child0); return err },
		"Terminate":         func(ctx context.Context) error { return s.TerminateChild(ctx, "0") },
		"Restart":           func(ctx context.Context) error { return s.RestartChild(ctx, "0") },
		"Delete":            func(ctx context.Context) error { return s.DeleteChild(ctx, "0") },
		"Terminate nobody":  func(ctx context.Context) error { return s.TerminateChild(ctx, "nobody") },
		"Restart nobody":    func(ctx context.Context) error { return s.RestartChild(ctx, "nobody") },
		"Delete nobody":     func(ctx context.Context) error { return s.DeleteChild(ctx, "nobody") },
	}, waitsOf(s.Child("0")), func() (live bool) {
		for range s.All() {
			live = true
		}
		_, ok := s.Child("0").Get()
		s.Child("0").Info()
		s.Child("nobody").Info()
		return ok || live
	}}
}

func statefulFace(s *sup.Stateful[*fake, string, int]) face {
	f := supervisorFace(&s.Supervisor)
	f.name, f.root = "Stateful", s
	for name, id := range map[string]string{"StartChild": "new", "StartChild, taken": "0"} {
		f.calls[name] = func(ctx context.Context) error {
			_, err := s.StartChild(ctx, sup.StatefulChildSpec[*fake, string, int]{ID: id,
				Start: func(ctx context.Context, _ *kv.Context[string, int]) (*fake, error) { return good(ctx) }})
			return err
		}
	}
	reads := f.reads
	f.reads = func() bool { s.State(); return reads() }
	return f
}

// keyedRoot is a Keyed that, like the other faces, has the child 0 once it has started.
type keyedRoot struct{ *sup.Keyed[int, *fake] }

func (k keyedRoot) Start(ctx context.Context) error {
	if err := k.Keyed.Initialize(ctx); err != nil {
		return err
	}
	go k.Keyed.Run(ctx)
	_, err := k.Keyed.StartChild(ctx, 0)
	return err
}

func keyedFace(k *sup.Keyed[int, *fake]) face {
	return face{"Keyed", keyedRoot{k}, asks{
		"Start":            func(ctx context.Context) error { _, err := k.StartChild(ctx, 1); return err },
		"Start, taken":     func(ctx context.Context) error { _, err := k.StartChild(ctx, 0); return err },
		"Terminate":        func(ctx context.Context) error { return k.TerminateChild(ctx, 0) },
		"Restart":          func(ctx context.Context) error { return k.RestartChild(ctx, 0) },
		"Delete":           func(ctx context.Context) error { return k.DeleteChild(ctx, 0) },
		"Remove":           func(ctx context.Context) error { return k.RemoveChild(ctx, 0) },
		"Terminate nobody": func(ctx context.Context) error { return k.TerminateChild(ctx, 7) },
		"Restart nobody":   func(ctx context.Context) error { return k.RestartChild(ctx, 7) },
		"Delete nobody":    func(ctx context.Context) error { return k.DeleteChild(ctx, 7) },
		"Remove nobody":    func(ctx context.Context) error { return k.RemoveChild(ctx, 7) },
	}, waitsOf(k.Child(0)), func() (live bool) {
		for range k.All() {
			live = true
		}
		_, ok := k.Get(0)
		k.Len()
		k.Child(0).Info()
		k.Child(7).Info()
		return ok || live
	}}
}

func replicasFace(r *sup.Replicas[*fake]) face {
	waits := waitsOf(r.Child(0))
	waits["Do of the set"] = func(ctx context.Context) error { return r.Do(ctx, func(context.Context, *fake) error { return nil }) }
	return face{"Replicas", r, asks{
		"Terminate":        func(ctx context.Context) error { return r.TerminateChild(ctx, 0) },
		"Restart":          func(ctx context.Context) error { return r.RestartChild(ctx, 0) },
		"Terminate nobody": func(ctx context.Context) error { return r.TerminateChild(ctx, 7) },
		"Restart nobody":   func(ctx context.Context) error { return r.RestartChild(ctx, -1) },
	}, waits, func() (live bool) {
		for range r.All() {
			live = true
		}
		_, next := r.Next()
		_, ok := r.Get(0)
		r.Get(-1)
		r.Len()
		r.Child(0).Info()
		r.Child(-1).Info()
		return ok || next || live
	}}
}

func treeFace(tree *sup.Tree, child *sup.Child[*fake]) face {
	return face{"Tree", tree, asks{
		"Terminate":        func(ctx context.Context) error { return tree.TerminateChild(ctx, "0") },
		"Restart":          func(ctx context.Context) error { return tree.RestartChild(ctx, "0") },
		"Terminate nobody": func(ctx context.Context) error { return tree.TerminateChild(ctx, "nobody") },
		"Restart nobody":   func(ctx context.Context) error { return tree.RestartChild(ctx, "nobody") },
	}, waitsOf(*child), func() bool {
		tree.Snapshot()
		child.Info()
		_, ok := child.Get()
		return ok
	}}
}

// newFaces returns supervisors of all types that have not been started.
func newFaces() []face {
	tree, child := new(sup.Tree), new(sup.Child[*fake])
	tree.Declare(sup.TreeSpec{}, child.Declare(child0))
	return []face{
		supervisorFace(sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{child0}})),
		statefulFace(sup.NewStateful(sup.StatefulSpec[*fake, string, int]{Children: []sup.StatefulChildSpec[*fake, string, int]{
			{ID: "0", Start: func(ctx context.Context, _ *kv.Context[string, int]) (*fake, error) { return good(ctx) }},
		}})),
		keyedFace(sup.NewKeyed(sup.KeyedSpec[int, *fake]{Start: func(ctx context.Context, _ int) (*fake, error) { return good(ctx) }})),
		replicasFace(sup.NewReplicas(sup.ReplicasSpec[*fake]{Count: 2, Start: func(ctx context.Context, _ int) (*fake, error) { return good(ctx) }})),
		treeFace(tree, child),
	}
}

// zeroFaces returns undeclared supervisors, the zero values of all types.
func zeroFaces() []face {
	return []face{
		supervisorFace(new(sup.Supervisor[*fake])),
		statefulFace(new(sup.Stateful[*fake, string, int])),
		keyedFace(new(sup.Keyed[int, *fake])),
		replicasFace(new(sup.Replicas[*fake])),
		treeFace(new(sup.Tree), new(sup.Child[*fake])),
	}
}

// eachFace runs a test on supervisors of all types.
func eachFace(t *testing.T, faces func() []face, test func(t *testing.T, f face)) {
	t.Helper()
	for i, f := range faces() {
		t.Run(f.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) { test(t, faces()[i]) })
		})
	}
}

// expectDown checks that every call on a supervisor returns want at once, whatever its
// context, and that no read returns a worker.
func (f face) expectDown(t *testing.T, when string, want error, all ...asks) {
	t.Helper()
	begin := time.Now()
	over, cancel := context.WithCancel(context.Background())
	cancel()
	for _, calls := range append(all, f.calls) {
		for _, name := range slices.Sorted(maps.Keys(calls)) {
			for _, ctx := range []context.Context{context.Background(), over} {
				err := calls[name](ctx)
				if !errors.Is(err, want) || errors.Is(err, sup.ErrShuttingDown) != (want == sup.ErrShuttingDown) {
					t.Errorf("%s %s answers %v; want %v", when, name, err, want)
				}
			}
		}
	}
	if f.reads() && want != sup.ErrShuttingDown {
		t.Errorf("%s: a read returned a worker", when)
	}
	f.root.Name()
	f.root.Strategy()
	f.root.Intensity()
	f.root.Children()
	if tree := f.root.Snapshot(); tree.Running || tree.String() == "" {
		t.Errorf("%s: snapshot %+v", when, tree)
	}
	if up := f.root.Uptime(); up != 0 && want != sup.ErrShuttingDown {
		t.Errorf("%s: uptime %v", when, up)
	}
	if took := time.Since(begin); took != 0 {
		t.Errorf("%s all this took %v", when, took)
	}
}

// O6: Before the start and after the end every call returns ErrNotRunning at once. A
// supervisor that has ended can be started again.
func TestCallsBeforeTheStartAndAfterTheEndReturnErrNotRunning(t *testing.T) {
	eachFace(t, newFaces, func(t *testing.T, f face) {
		f.expectDown(t, "before the start", sup.ErrNotRunning)
		for range 2 {
			if err := f.root.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !f.reads() {
				t.Error("no worker while the supervisor is up")
			}
			if err := f.root.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			<-f.root.Done()
			f.expectDown(t, "after the end", sup.ErrNotRunning, f.waits)
			if err := f.root.Shutdown(t.Context()); err != nil {
				t.Errorf("a second Shutdown: %v", err)
			}
			if err := f.root.Err(); err != nil {
				t.Error(err)
			}
			for e := range sup.Inspect(f.root).Events(t.Context(), "", sup.FromNow) {
				t.Errorf("event %v after the end", e.Kind)
			}
		}
	})
}

// O6: Every call returns ErrNotRunning also after a Shutdown that preceded the start.
func TestCallsAfterAShutdownBeforeTheStartReturnErrNotRunning(t *testing.T) {
	eachFace(t, newFaces, func(t *testing.T, f face) {
		if err := f.root.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		<-f.root.Done()
		f.expectDown(t, "after the Shutdown", sup.ErrNotRunning, f.waits)
	})
}

// O6: Every call returns ErrNotRunning also after a failure, after a start that failed,
// and after a start that was refused.
func TestCallsAfterAFailureReturnErrNotRunning(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Intensity: none, Children: []sup.ChildSpec[*fake]{c.child(new(trace), "0")}})
		c.die("0", errBoom)
		expectGivenUp(t, s)
		f := supervisorFace(s)
		f.expectDown(t, "after a failure", sup.ErrNotRunning, f.waits)

		s = sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{child0, {ID: "1", Start: makes(fake{
			initialize: func(context.Context) error { return errBoom },
		})}}})
		if err := s.Start(t.Context()); !errors.Is(err, errBoom) {
			t.Fatal(err)
		}
		f = supervisorFace(s)
		f.expectDown(t, "after a start that failed", sup.ErrNotRunning, f.waits)

		s = sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{{ID: "0"}}})
		if err := s.Start(t.Context()); !errors.Is(err, sup.ErrSpec) {
			t.Fatal(err)
		}
		supervisorFace(s).expectDown(t, "after a start that was refused", sup.ErrNotRunning)
	})
}

// O6: Every call on a nested supervisor returns ErrNotRunning once its parent has
// ended, or once the parent has stopped it.
func TestCallsOnAnEndedNestedSupervisorReturnErrNotRunning(t *testing.T) {
	eachFace(t, newFaces, func(t *testing.T, f face) {
		s, err := sup.Start(t.Context(), sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{
			{ID: "nested", Start: func(context.Context) (sup.Worker, error) { return f.root, nil }},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.TerminateChild(t.Context(), "nested"); err != nil {
			t.Error(err)
		}
		f.expectDown(t, "after its end", sup.ErrNotRunning)
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		f.expectDown(t, "after the end of its parent", sup.ErrNotRunning, f.waits)
	})
}

// O6: While a supervisor ends, every call returns ErrShuttingDown at once.
// ErrShuttingDown wraps ErrNotRunning.
func TestCallsDuringTheEndReturnErrShuttingDownAtOnce(t *testing.T) {
	if !errors.Is(sup.ErrShuttingDown, sup.ErrNotRunning) {
		t.Error("ErrShuttingDown does not wrap ErrNotRunning")
	}
	slow := func(context.Context) (*fake, error) {
		return &fake{run: func(ctx context.Context) error { <-ctx.Done(); time.Sleep(time.Second); return nil }}, nil
	}
	faces := func() []face {
		return []face{
			supervisorFace(sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{{ID: "0", Start: slow}}})),
			keyedFace(sup.NewKeyed(sup.KeyedSpec[int, *fake]{Start: func(ctx context.Context, _ int) (*fake, error) { return slow(ctx) }})),
			replicasFace(sup.NewReplicas(sup.ReplicasSpec[*fake]{Count: 2, Start: func(ctx context.Context, _ int) (*fake, error) { return slow(ctx) }})),
		}
	}
	eachFace(t, faces, func(t *testing.T, f face) {
		if err := f.root.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		go f.root.Shutdown(context.Background())
		synctest.Wait()
		f.expectDown(t, "during the shutdown", sup.ErrShuttingDown, f.waits)
		<-f.root.Done()
	})
}

// O6: Zero values, which are undeclared supervisors, return the same error and cannot
// be started. No call panics.
func TestCallsOnZeroValuesReturnErrNotRunning(t *testing.T) {
	eachFace(t, zeroFaces, func(t *testing.T, f face) {
		f.expectDown(t, "undeclared", sup.ErrNotRunning)
		for name, wait := range f.waits {
			if err := wait(t.Context()); !errors.Is(err, sup.ErrNotRunning) && !errors.Is(err, sup.ErrNotFound) {
				t.Errorf("undeclared, %s: %v", name, err)
			}
		}
		<-f.root.Done()
		if err := errors.Join(f.root.Shutdown(t.Context()), f.root.Err()); err != nil {
			t.Error(err)
		}
		for name, start := range (asks{"Start": f.root.Start, "Run": f.root.Run, "Initialize": f.root.Initialize}) {
			if _, ok := errors.AsType[*sup.CallError](start(t.Context())); !ok {
				t.Errorf("%s of an undeclared supervisor does not say so", name)
			}
		}
		if n := len(f.root.Children()); n != 0 {
			t.Errorf("%d children, want none", n)
		}
		for e := range sup.Inspect(f.root).Events(t.Context(), "", 0) {
			t.Errorf("event %v, want none", e.Kind)
		}
	})
}
