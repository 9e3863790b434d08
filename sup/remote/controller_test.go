package remote_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// twoTrees returns controllers of two equal trees, one in the process and one through a
// client.
func twoTrees(t *testing.T) (here, there sup.Controller, end func()) {
	t.Helper()
	a, b := startShop(t), startShop(t)
	w := newWire()
	stop := serve(t, sup.Control(b), w, nil)
	c := dial(t, w, remote.Dialer{})
	return sup.Control(a), c, func() {
		c.Close()
		stop()
		a.end(t)
		b.end(t)
	}
}

func TestErrorsAreTheSameAsInTheProcess(t *testing.T) {
	sentinels := []error{
		sup.ErrNotFound, sup.ErrRunning, sup.ErrRestarting, sup.ErrAlreadyRunning, sup.ErrAlreadyDeclared, sup.ErrMaxChildren,
		sup.ErrNotKeyed, sup.ErrNoSupervisor, sup.ErrIncarnation, sup.ErrStart, sup.ErrStuck, sup.ErrNotRunning, sup.ErrShuttingDown,
		sup.ErrStopped, sup.ErrKey, context.DeadlineExceeded,
	}
	calls := map[string]func(ctx context.Context, c sup.Controller) error{
		"restart what runs": func(ctx context.Context, c sup.Controller) error {
			return c.RestartChild(ctx, sup.Target{Path: "shop/db"})
		},
		"delete what runs": func(ctx context.Context, c sup.Controller) error {
			return c.DeleteChild(ctx, sup.Target{Path: "shop/db"})
		},
		"terminate nothing": func(ctx context.Context, c sup.Controller) error {
			return c.TerminateChild(ctx, sup.Target{Path: "shop/x"})
		},
		"terminate the tree": func(ctx context.Context, c sup.Controller) error { return c.TerminateChild(ctx, sup.Target{}) },
		"terminate another incarnation": func(ctx context.Context, c sup.Controller) error {
			return c.TerminateChild(ctx, sup.Target{Path: "shop/db", Incarnation: 9})
		},
		"terminate an impossible one": func(ctx context.Context, c sup.Controller) error {
			return c.TerminateChild(ctx, sup.Target{Path: "shop/db", Incarnation: -1})
		},
		"shut down a worker": func(ctx context.Context, c sup.Controller) error { return c.Shutdown(ctx, sup.Target{Path: "shop/db"}) },
		"start below a worker": func(ctx context.Context, c sup.Controller) error {
			_, err := c.StartChild(ctx, "shop/db", "x")
			return err
		},
		"start where there are no keys": func(ctx context.Context, c sup.Controller) error {
			_, err := c.StartChild(ctx, "shop", "x")
			return err
		},
		"start what is there": func(ctx context.Context, c sup.Controller) error {
			_, err := c.StartChild(ctx, "shop/feeds", "ACME")
			return err
		},
		"start what cannot be": func(ctx context.Context, c sup.Controller) error {
			_, err := c.StartChild(ctx, "shop/feeds", "none")
			return err
		},
		"start a key of any bytes, and more": func(ctx context.Context, c sup.Controller) error {
			for _, key := range []string{"\xff", "a/b%", ""} {
				if _, err := c.StartChild(ctx, "shop/feeds", key); err != nil {
					return err
				}
			}
			return nil
		},
		"stop what does not stop": func(ctx context.Context, c sup.Controller) error {
			return c.TerminateChild(ctx, sup.Target{Path: "shop/slow"})
		},
		"shut down with too little time": func(ctx context.Context, c sup.Controller) error {
			ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
			defer cancel()
			return c.Shutdown(ctx, sup.Target{Path: "shop"})
		},
	}
	for name, call := range calls {
		synctest.Test(t, func(t *testing.T) {
			here, there, end := twoTrees(t)
			defer end()
			want, got := call(t.Context(), here), call(t.Context(), there)
			if diff := cmp.Diff(want, got, sameErrors); diff != "" {
				t.Errorf("%s (-process +client):\n%s", name, diff)
			}
			for _, sentinel := range sentinels {
				if errors.Is(want, sentinel) != errors.Is(got, sentinel) {
					t.Errorf("%s: errors.Is differs for %q", name, sentinel)
				}
			}
			if diff := cmp.Diff(details(want), details(got)); diff != "" {
				t.Errorf("%s: details (-process +client):\n%s", name, diff)
			}
		})
	}
}

// details returns what errors.As finds in an error.
func details(err error) (all []string) {
	if e, ok := errors.AsType[*sup.CallError](err); ok {
		all = append(all, "call", e.Op, e.Path)
	}
	if e, ok := errors.AsType[*sup.StartError](err); ok {
		all = append(all, "start", e.Path)
	}
	if e, ok := errors.AsType[*sup.StuckError](err); ok {
		for _, c := range e.Children {
			all = append(all, "stuck", c.Path, fmt.Sprint(c.Incarnation, c.Stack != ""))
		}
	}
	return all
}

func TestOneOfTwoCallsOnTheSameIncarnationFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		w := newWire()
		defer serve(t, sup.Control(s), w, nil)()
		one, two := dial(t, w, remote.Dialer{}), dial(t, w, remote.Dialer{})
		defer one.Close()
		defer two.Close()
		for range 20 { // both have seen the same incarnation, and want it replaced
			seen, err := one.Child(t.Context(), "shop/db")
			if err != nil {
				t.Fatal(err)
			}
			replace := func(c *remote.Client) error {
				target := sup.Target{Path: "shop/db", Incarnation: seen.Incarnation}
				if err := c.TerminateChild(t.Context(), target); err != nil {
					return err
				}
				return c.RestartChild(t.Context(), target)
			}
			results := make(chan error, 2)
			go func() { results <- replace(one) }()
			go func() { results <- replace(two) }()
			refused := 0
			for range 2 {
				if err := <-results; errors.Is(err, sup.ErrIncarnation) || errors.Is(err, sup.ErrRunning) {
					refused++
				} else if err != nil {
					t.Error(err)
				}
			}
			now, err := one.Child(t.Context(), "shop/db")
			if err != nil || now.Incarnation != seen.Incarnation+1 || refused != 1 {
				t.Fatalf("incarnation %d after %d, %d refused, %v", now.Incarnation, seen.Incarnation, refused, err)
			}
		}
	})
}

func TestAServerCanBeAProxy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		near, far := newWire(), newWire()
		defer serve(t, sup.Control(s), far, nil)()
		between := dial(t, far, remote.Dialer{})
		defer between.Close()
		defer serve(t, between, near, nil)()
		c := dial(t, near, remote.Dialer{})
		defer c.Close()
		compare(t, "", "Snapshot", sup.Inspect(s).Snapshot, c.Snapshot)
		compare(t, "shop/none", "Child", sup.Inspect(s).Child, c.Child)
		if err := c.TerminateChild(t.Context(), sup.Target{Path: "shop/db", Incarnation: 2}); !errors.Is(err, sup.ErrIncarnation) {
			t.Errorf("error %v", err)
		}
		if err := c.TerminateChild(t.Context(), sup.Target{Path: "shop/db"}); err != nil {
			t.Error(err)
		}
		r := read(c, "", 0)
		if diff := cmp.Diff(sequence(1, lastEvent(t, s)), numbers(r.soFar())); diff != "" {
			t.Errorf("numbers of the events (-want +got):\n%s", diff)
		}
		r.stop()
		for range r.items {
		}
	})
}

// controlled starts a tree with a server as first or last child.
func controlled(t *testing.T, w *wire, first bool, other sup.Worker) *sup.Supervisor[sup.Worker] {
	t.Helper()
	var s *sup.Supervisor[sup.Worker]
	children := []sup.ChildSpec[sup.Worker]{
		{ID: "control", Start: func(context.Context) (sup.Worker, error) {
			return remote.NewServer(sup.Control(s), remote.Config{
				Listener: w.listen(), Access: []remote.Grant{remote.Anyone(remote.Operator)}, Logger: new(logbook).logger(),
			}), nil
		}},
		{ID: "other", Start: func(context.Context) (sup.Worker, error) { return other, nil }},
	}
	if !first {
		children[0], children[1] = children[1], children[0]
	}
	s = sup.New(sup.Spec[sup.Worker]{Name: "app", Children: children})
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAServerThatIsTheFirstChildCompletesAShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		hold := make(chan struct{})
		time.AfterFunc(3*time.Second, func() { close(hold) })
		s := controlled(t, w, true, ignoresStop{hold})
		c := dial(t, w, remote.Dialer{})
		defer c.Close()
		begun := time.Now()
		if err := c.Shutdown(t.Context(), sup.Target{Path: "app"}); err != nil {
			t.Error(err)
		}
		if took := time.Since(begun); took < 3*time.Second {
			t.Errorf("returned after %v, before the other child had stopped", took)
		}
		<-s.Done()
		if err := s.Err(); err != nil {
			t.Error(err)
		}
	})
}

func TestAServerThatIsTheLastChildReportsWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		hold := make(chan struct{})
		s := controlled(t, w, false, ignoresStop{hold})
		c := dial(t, w, remote.Dialer{})
		defer c.Close()
		err := c.Shutdown(t.Context(), sup.Target{Path: "app"})
		stuck, ok := errors.AsType[*sup.StuckError](err)
		if !ok || !errors.Is(err, remote.ErrEnding) {
			t.Fatalf("error %v", err)
		}
		var left []string
		for _, child := range stuck.Children {
			left = append(left, child.Path)
		}
		if diff := cmp.Diff([]string{"app/control"}, left); diff != "" || stuck.NotAsked != 1 {
			t.Errorf("left (-want +got):\n%s%d not asked", diff, stuck.NotAsked)
		}
		close(hold)
		<-s.Done()
		if err := s.Err(); err != nil {
			t.Error(err)
		}
	})
}

func TestAServerDoesNotStopItselfOrAnAncestor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		inner := controlled(t, w, true, idle{})
		if err := inner.Shutdown(t.Context()); err != nil { // it is started again below another one
			t.Fatal(err)
		}
		s, err := sup.Start(context.Background(), sup.Spec[sup.Worker]{Name: "app", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "app", Start: func(context.Context) (sup.Worker, error) { return inner, nil }},
		}})
		if err != nil {
			t.Fatal(err)
		}
		c := dial(t, w, remote.Dialer{})
		defer c.Close()
		for _, path := range []string{"app/app", "app/app/control"} {
			if err := c.TerminateChild(t.Context(), sup.Target{Path: path}); !errors.Is(err, remote.ErrSelf) {
				t.Errorf("TerminateChild(%s): %v", path, err)
			}
			if err := c.Shutdown(t.Context(), sup.Target{Path: path}); !errors.Is(err, remote.ErrSelf) {
				t.Errorf("Shutdown(%s): %v", path, err)
			}
			if err := c.Replace(t.Context(), sup.Target{Path: path}); !errors.Is(err, remote.ErrSelf) {
				t.Errorf("Replace(%s): %v", path, err)
			}
		}
		if err := c.TerminateChild(t.Context(), sup.Target{Path: "app/app/other"}); err != nil {
			t.Error(err)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestACanceledCallIsCanceledInTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rooms := sup.NewKeyed(sup.KeyedSpec[int, sup.Worker]{Name: "rooms", Start: func(ctx context.Context, _ int) (sup.Worker, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}})
		if err := rooms.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		w := newWire()
		defer serve(t, sup.Control(rooms), w, nil)()
		c := dial(t, w, remote.Dialer{})
		defer c.Close()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := c.StartChild(ctx, "rooms", "7"); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		synctest.Wait()
		if n := rooms.Len(); n != 0 {
			t.Errorf("%d children left", n)
		}
		if _, err := c.StartChild(t.Context(), "rooms", "seven"); !errors.Is(err, sup.ErrKey) {
			t.Errorf("error %v", err)
		}
		if err := rooms.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

func TestPatienceWaitsForAServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		w := newWire()
		w.listen().Close()
		c := dial(t, w, remote.Dialer{Patience: time.Minute})
		defer c.Close()
		hasty := dial(t, w, remote.Dialer{})
		if _, err := hasty.Snapshot(t.Context(), ""); !errors.Is(err, remote.ErrUnreachable) {
			t.Errorf("without patience: %v", err)
		}
		served := make(chan func(), 1)
		time.AfterFunc(30*time.Second, func() { served <- serve(t, sup.Control(s), w, nil) })
		if err := c.TerminateChild(t.Context(), sup.Target{Path: "shop/db"}); err != nil {
			t.Error(err)
		}
		(<-served)()
		if _, err := c.Snapshot(t.Context(), ""); !errors.Is(err, remote.ErrUnreachable) {
			t.Errorf("after a minute: %v", err)
		}
	})
}
