package sup_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"runtime/pprof"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

// H1: A handle is typed and outlives incarnations. Get returns the worker that is live
// at the moment.
func TestAHandleOutlivesIncarnations(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr, c := new(trace), make(controls)
		s := start(t, sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{c.child(tr, "declared")}})
		added, err := s.StartChild(t.Context(), c.child(tr, "added"))
		if err != nil {
			t.Fatal(err)
		}
		for id, h := range map[string]sup.Child[*fake]{"declared": s.Child("declared"), "added": added} {
			var seen []*fake
			look := func() {
				t.Helper()
				w, ok := h.Get()
				for _, old := range seen {
					ok = ok && old != w
				}
				if !ok {
					t.Errorf("%s: worker %p, after %p", id, w, seen)
				}
				seen = append(seen, w)
			}
			look()
			c.die(id, errBoom)
			look()
			if err := s.TerminateChild(t.Context(), id); err != nil {
				t.Error(err)
			}
			if w, ok := h.Get(); ok || w != nil {
				t.Errorf("%s: worker %p after the stop", id, w)
			}
			if err := s.RestartChild(t.Context(), id); err != nil {
				t.Error(err)
			}
			look()
		}
	})
}

// H1: Get never returns a worker that has ended, is ending, or is not ready.
func TestGetReturnsNoWorkerThatIsNotReadyOrIsEnding(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var s *sup.Supervisor[*fake]
		none := func(when string) {
			if w, ok := s.Child("w").Get(); ok || w != nil {
				t.Errorf("%s: Get returned a worker", when)
			}
		}
		die := make(chan error)
		s = sup.New(lone(sup.ChildSpec[*fake]{
			Backoff: sup.Backoff{Min: time.Second, Max: time.Second}, Budget: sup.Intensity{Restarts: 1, Within: time.Minute}, Restart: sup.Transient,
			Start: func(context.Context) (*fake, error) {
				none("in the start function")
				return &fake{
					initialize: func(context.Context) error { none("in Initialize"); return nil },
					run: func(ctx context.Context) error {
						select {
						case err := <-die:
							return err
						case <-ctx.Done():
							none("after the cancellation")
							return nil
						}
					},
					terminate: func(context.Context, sup.Exit) error { none("in Terminate"); return nil },
				}, nil
			},
		}))
		none("before the start")
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		die <- errBoom
		synctest.Wait()
		none("while it waits for its restart")
		time.Sleep(time.Second)
		die <- errBoom
		synctest.Wait()
		if got := states(s); got != "w quarantined" {
			t.Error(got)
		}
		none("in quarantine")
		if err := s.RestartChild(t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		none("after the end")
	})
}

// H1: Do calls its function once with the live worker, waits for a worker if necessary,
// and returns the function's result.
func TestDoCallsWithTheLiveWorkerOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		tr, c := new(trace), make(controls)
		child := c.child(tr, "w")
		child.Backoff = sup.Backoff{Min: time.Second}
		s := start(t, sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{child}})
		h := s.Child("w")
		calls := 0
		do := func() error {
			return h.Do(t.Context(), func(_ context.Context, w *fake) error {
				calls++
				if live, ok := h.Get(); !ok || live != w {
					t.Errorf("called with %p, live is %p", w, live)
				}
				return errBoom
			})
		}
		if err := do(); err != errBoom || calls != 1 {
			t.Errorf("Do: %v after %d calls", err, calls)
		}
		c.die("w", errBoom)
		if err := do(); err != errBoom || calls != 2 {
			t.Errorf("Do: %v after %d calls", err, calls)
		}
	})
}

// H1: Info shows the child as long as it is declared.
func TestTheInfoOfAHandleEndsWithTheDeclaration(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, lone(sup.ChildSpec[*fake]{Start: makes(fake{})}))
		h := s.Child("w")
		if err := s.TerminateChild(t.Context(), "w"); err != nil {
			t.Fatal(err)
		}
		if info, ok := h.Info(); !ok || info.ID != "w" || info.State != sup.StateStopped {
			t.Errorf("%+v, declared %v", info, ok)
		}
		if err := s.DeleteChild(context.Background(), "w"); err != nil {
			t.Fatal(err)
		}
		if info, ok := h.Info(); ok {
			t.Errorf("deleted, and declared as %+v", info)
		}
	})
}

// H1: A handle by id refers to the child that has the id, even if that is a new child.
// A handle from the call that added a child refers to that child only.
func TestAHandleByIDFollowsTheID(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := start(t, sup.Spec[*fake]{Name: "root"})
		byID := s.Child("w")
		spec := sup.ChildSpec[*fake]{ID: "w", Restart: sup.Temporary, Start: makes(fake{})}
		for range 3 {
			h, err := s.StartChild(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			one, _ := h.Get()
			if w, ok := byID.Get(); !ok || w != one {
				t.Errorf("the handle by id gives %v, %v and not the new child", w, ok)
			}
			if w, err := byID.Wait(t.Context()); err != nil || w != one {
				t.Errorf("the handle by id waits for %v, %v and not for the new child", w, err)
			}
			if err := s.TerminateChild(t.Context(), "w"); err != nil {
				t.Fatal(err)
			}
			if _, ok := byID.Info(); ok {
				t.Error("the handle by id shows a removed child")
			}
			defer func() {
				if _, err := h.Wait(t.Context()); !errors.Is(err, sup.ErrNotFound) {
					t.Errorf("the handle to a child that is gone: %v", err)
				}
			}()
		}
	})
}

// A getter is a way to get a worker without waiting.
type getter struct {
	name  string
	get   func() bool            // reports whether the result was as expected
	query func() []sup.ChildInfo // holds the supervisor's lock for a long time
}

// getters returns all getters, of live children and of one that is not live, in
// supervisors of many children.
func getters(t *testing.T) []getter {
	t.Helper()
	const many = 500
	make := func(context.Context) (*fake, error) { return &fake{}, nil }
	spec := sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{{ID: "up", Start: make}, {ID: "down", Start: make}}}
	for i := range many {
		spec.Children = append(spec.Children, sup.ChildSpec[*fake]{ID: strconv.Itoa(i), Start: make})
	}
	s := start(t, spec)
	if err := s.TerminateChild(t.Context(), "down"); err != nil {
		t.Fatal(err)
	}
	k := sup.NewKeyed(sup.KeyedSpec[int, *fake]{
		Start: func(ctx context.Context, _ int) (*fake, error) { return make(ctx) },
	})
	if err := k.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range many {
		if _, err := k.StartChild(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	r := sup.NewReplicas(sup.ReplicasSpec[*fake]{
		Count: many, Start: func(ctx context.Context, _ int) (*fake, error) { return make(ctx) },
	})
	if err := r.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(k.Shutdown(context.Background()), r.Shutdown(context.Background())); err != nil {
			t.Error(err)
		}
	})
	up, down := s.Child("up"), s.Child("down")
	return []getter{
		{"Child.Get", func() bool { _, ok := up.Get(); return ok }, s.Children},
		{"Child.Get, and there is none", func() bool { _, ok := down.Get(); return !ok }, s.Children},
		{"Keyed.Get", func() bool { _, ok := k.Get(7); return ok }, k.Children},
		{"Replicas.Get", func() bool { _, ok := r.Get(2); return ok }, r.Children},
		{"Replicas.Next", func() bool { _, ok := r.Next(); return ok }, r.Children},
	}
}

// H2: Get does not allocate.
func TestGetCostsNoAllocation(t *testing.T) {
	for _, g := range getters(t) {
		if n := testing.AllocsPerRun(100, func() {
			if !g.get() {
				t.Errorf("%s: not what was expected", g.name)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", g.name, n)
		}
	}
}

// getUntil is a function with a name to look for in stacks.
func getUntil(enough func() bool, get func() bool) {
	for !enough() {
		get()
	}
}

// H2: Get takes no lock. No call of Get is seen to block while the supervisor's lock is
// held most of the time.
func TestGetCostsNoLock(t *testing.T) {
	all := getters(t)
	runtime.SetBlockProfileRate(1)
	defer runtime.SetBlockProfileRate(0)
	for _, g := range all {
		var queries atomic.Int64
		var wg sync.WaitGroup
		enough := func() bool { return queries.Load() >= 50 }
		wg.Go(func() {
			for !enough() {
				g.query()
				queries.Add(1)
			}
		})
		getUntil(enough, g.get)
		wg.Wait()
		var profile bytes.Buffer
		if err := pprof.Lookup("block").WriteTo(&profile, 1); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(profile.String(), ".getUntil+") {
			t.Fatalf("%s has blocked:\n%s", g.name, profile.String())
		}
	}
}
