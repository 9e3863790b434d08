package sup_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
)

func goodChild(id string) sup.ChildSpec[*fake] {
	return sup.ChildSpec[*fake]{ID: id, Start: func(context.Context) (*fake, error) { return &fake{}, nil }}
}

// S1: One of two concurrent calls of Start is refused.
func TestOneOfTwoConcurrentStartsIsRefused(t *testing.T) {
	for range 20000 {
		s := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{goodChild("a")}})
		var wg sync.WaitGroup
		var e [2]error
		for i := range 2 {
			wg.Go(func() { e[i] = s.Start(context.Background()) })
		}
		wg.Wait()
		if e[0] == nil && e[1] == nil {
			t.Fatal("both started")
		}
		_ = s.Shutdown(context.Background())
	}
}

// X7: Concurrent calls of Start and Shutdown end the supervisor once.
func TestAShutdownAtTheMomentOfTheStartEndsItOnce(t *testing.T) {
	for range 20000 {
		s := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{goodChild("a")}})
		var wg sync.WaitGroup
		wg.Go(func() { s.Start(context.Background()) })
		wg.Go(func() { s.Shutdown(context.Background()) })
		wg.Wait()
		_ = s.Shutdown(context.Background())
	}
}

// H1: Wait fails at once on a handle that was taken before the start, if the child has
// been dropped since.
func TestWaitOnADroppedChildFails(t *testing.T) {
	c := goodChild("t")
	c.Restart = sup.Temporary
	s := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{c}})
	h := s.Child("t")
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	defer s.Shutdown(context.Background())
	if err := s.TerminateChild(context.Background(), "t"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, err := h.Wait(ctx)
	if !errors.Is(err, sup.ErrNotFound) {
		t.Errorf("Wait: %v", err)
	}
	if info, ok := h.Info(); ok {
		t.Errorf("Info: %+v", info)
	}
}

// I7, X6: A child that is stuck in its start and has exceeded its budget is quarantined
// once it has returned. It never runs twice at once.
func TestAChildStuckInItsStartIsQuarantinedWhenItIsGone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		die := make(chan error)
		release := make(chan struct{})
		n, live, most := 0, 0, 0
		var mu sync.Mutex
		b := sup.ChildSpec[*fake]{ID: "b", Budget: sup.Intensity{Within: time.Hour}, StartTimeout: time.Second, Shutdown: time.Second,
			Start: func(context.Context) (*fake, error) {
				mu.Lock()
				n++
				k := n
				live++
				most = max(most, live)
				mu.Unlock()
				defer func() { mu.Lock(); live--; mu.Unlock() }()
				if k == 2 {
					<-release
				}
				if k == 3 {
					time.Sleep(time.Millisecond)
				}
				return &fake{}, nil
			}}
		a := sup.ChildSpec[*fake]{ID: "a", Start: func(context.Context) (*fake, error) {
			return &fake{run: func(ctx context.Context) error {
				select {
				case err := <-die:
					return err
				case <-ctx.Done():
					return ctx.Err()
				}
			}}, nil
		}}
		s, err := sup.Start(context.Background(), sup.Spec[*fake]{Strategy: sup.OneForAll, Children: []sup.ChildSpec[*fake]{a, b}})
		if err != nil {
			t.Fatal(err)
		}
		die <- errBoom
		time.Sleep(10 * time.Second)
		t.Log(states(s))
		err = s.RestartChild(context.Background(), "b")
		mu.Lock()
		t.Log("restart:", err, states(s), "at once:", most)
		mu.Unlock()
		if most > 1 {
			t.Error("two at once")
		}
		close(release)
		synctest.Wait()
		t.Log(states(s))
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		t.Log(s.Shutdown(ctx))
	})
}

// N3: An escalation during the start is the error of Start.
func TestAnEscalationDuringTheStartIsTheErrorOfTheStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		a := goodChild("a")
		a.Stuck, a.Shutdown = sup.StuckEscalate, time.Second
		a.Start = func(context.Context) (*fake, error) {
			return &fake{run: func(ctx context.Context) error {
				sup.Go(ctx, func(context.Context) error { return errBoom })
				time.Sleep(10 * time.Second)
				return nil
			}}, nil
		}
		b := goodChild("b")
		b.Start = func(context.Context) (*fake, error) {
			return &fake{initialize: func(ctx context.Context) error {
				select {
				case <-time.After(5 * time.Second):
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}}, nil
		}
		s := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{a, b}})
		err := s.Start(context.Background())
		t.Log(err, "/", s.Err())
		if !errors.Is(err, sup.ErrStuck) || !errors.Is(err, errBoom) {
			t.Errorf("Start: %v", err)
		}
		time.Sleep(time.Minute)
	})
}

// H1: A handle is valid after a Shutdown that preceded the start.
func TestAHandleIsValidAfterAShutdownBeforeTheStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := sup.New(sup.Spec[*fake]{Children: []sup.ChildSpec[*fake]{goodChild("a")}})
		h := s.Child("a")
		_ = s.Shutdown(context.Background())
		t.Log(s.Start(context.Background()))
		if err := s.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		defer s.Shutdown(context.Background())
		if _, ok := h.Get(); !ok {
			_, err := h.Wait(context.Background())
			t.Error("handle does not follow: ", err)
		}
	})
}

// H1: Wait on a child of a nested tree that was never started continues into the next
// life of that tree.
func TestWaitOnAChildThatNeverStartedContinuesInTheNextLife(t *testing.T) {
	bubble(t, func(t *testing.T) {
		die := make(chan error)
		n := 0
		a := sup.ChildSpec[*fake]{ID: "a", Start: func(context.Context) (*fake, error) {
			n++
			k := n
			return &fake{initialize: func(ctx context.Context) error {
				if k == 2 {
					time.Sleep(time.Second)
					return errBoom
				}
				return nil
			}, run: func(ctx context.Context) error {
				select {
				case err := <-die:
					return err
				case <-ctx.Done():
					return ctx.Err()
				}
			}}, nil
		}}
		var tree struct {
			sup.Tree
			A, B sup.Child[*fake]
		}
		b := goodChild("b")
		tree.Declare(sup.TreeSpec{Name: "t", Intensity: sup.Intensity{Within: time.Hour}}, tree.A.Declare(a), tree.B.Declare(b))
		s, err := sup.Start(context.Background(), sup.Spec[sup.Worker]{Children: []sup.ChildSpec[sup.Worker]{
			{ID: "t", Start: func(context.Context) (sup.Worker, error) { return &tree, nil }}}})
		if err != nil {
			t.Fatal(err)
		}
		die <- errBoom
		synctest.Wait() // life 2, in the Initialize of a
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		defer cancel()
		_, err = tree.B.Wait(ctx)
		_, live := tree.B.Get()
		if err != nil {
			t.Errorf("Wait: %v although live: %v", err, live)
		}
		s.Shutdown(context.Background())
	})
}

// B2: The backoff of one child does not delay the round of another child that waits.
func TestABackoffDelaysNoRoundOfAnotherChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		ctl := controls{}
		var tr trace
		a := ctl.child(&tr, "a")
		a.Backoff = sup.Backoff{Min: time.Second}
		c := ctl.child(&tr, "c")
		c.Backoff = sup.Backoff{Min: time.Hour, Max: time.Hour}
		s := start(t, sup.Spec[*fake]{Strategy: sup.RestForOne, Children: []sup.ChildSpec[*fake]{a}})
		ctl.die("a", errBoom)
		if _, err := s.StartChild(context.Background(), c); err != nil {
			t.Fatal(err)
		}
		ctl.die("c", errBoom)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if got := states(s); got != "a running, c restarting" && got != "a running, c running" {
			t.Error(got)
		}
	})
}

// N1: A supervisor that a start function starts for itself is not the child.
func TestASupervisorThatAStartFunctionRunsForItselfIsNotTheChild(t *testing.T) {
	bubble(t, func(t *testing.T) {
		type inner = *sup.Supervisor[*fake]
		s, err := sup.Start(context.Background(), sup.Spec[inner]{Children: []sup.ChildSpec[inner]{{ID: "n", Start: func(ctx context.Context) (inner, error) {
			probe, err := sup.Start(ctx, sup.Spec[*fake]{})
			if err != nil {
				return nil, err
			}
			probe.Shutdown(ctx)
			return sup.New(sup.Spec[*fake]{}), nil
		}}}})
		if err != nil {
			t.Fatal(err)
		}
		s.Shutdown(context.Background())
	})
}

// H1: Do without a function waits for a worker and does nothing else.
func TestDoWithoutAFunctionDoesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := sup.NewReplicas(sup.ReplicasSpec[*fake]{Count: 1, Start: func(context.Context, int) (*fake, error) { return &fake{}, nil }})
		_ = r.Start(context.Background())
		defer r.Shutdown(context.Background())
		defer func() {
			if v := recover(); v != nil {
				t.Error(v)
			}
		}()
		r.Do(context.Background(), nil)
	})
}
