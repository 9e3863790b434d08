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

// startLoggedShop starts a shop with a server whose log is kept.
func startLoggedShop(t *testing.T, edit func(*remote.Config)) (s *shop, c *remote.Client, log *logbook, stop func()) {
	t.Helper()
	s, log = startShop(t), new(logbook)
	w := newWire()
	stop = serve(t, sup.Control(s), w, func(config *remote.Config) {
		config.Logger = log.logger()
		if edit != nil {
			edit(config)
		}
	})
	c = dial(t, w, remote.Dialer{})
	return s, c, log, stop
}

func childOf(t *testing.T, s *shop, path string) sup.ChildInfo {
	t.Helper()
	child, err := sup.Inspect(s).Child(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return child
}

func TestReplaceStartsARunningAStoppedAndARestartingChild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, log, stop := startLoggedShop(t, nil)
		defer s.end(t)
		defer stop()
		defer c.Close()
		expect := func(incarnation int) {
			t.Helper()
			if err := c.Replace(t.Context(), sup.Target{Path: "shop/db"}); err != nil {
				t.Error(err)
			}
			if db := childOf(t, s, "shop/db"); db.State != sup.StateRunning || db.Incarnation != incarnation {
				t.Errorf("shop/db is %v, incarnation %d, want %d", db.State, db.Incarnation, incarnation)
			}
		}
		expect(2)
		if err := c.TerminateChild(t.Context(), sup.Target{Path: "shop/db"}); err != nil {
			t.Error(err)
		}
		expect(3)
		s.db.fail <- errLost
		synctest.Wait()
		if db := childOf(t, s, "shop/db"); db.State != sup.StateRestarting {
			t.Errorf("shop/db is %v", db.State)
		}
		expect(4)
		if got := strings.Count(log.String(), "operator call"); got != 4 {
			t.Errorf("%d calls logged:\n%s", got, log)
		}
		if !strings.Contains(log.String(), `op=Replace client="anyone at pipe" role=operator path=shop/db`) {
			t.Errorf("call not logged:\n%s", log)
		}
	})
}

func TestARejectedReplaceDoesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, _, stop := startLoggedShop(t, nil)
		defer s.end(t)
		defer stop()
		defer c.Close()
		before := lastEvent(t, s)
		for path, want := range map[string]error{
			"shop": sup.ErrNotFound, "shop/none": sup.ErrNotFound, "": sup.ErrNotFound,
			"shop/\xff": sup.ErrRunning, // which is temporary
			"shop/db":   sup.ErrIncarnation,
		} {
			if err := c.Replace(t.Context(), sup.Target{Path: path, Incarnation: 1 + len(path)/7}); !errors.Is(err, want) {
				t.Errorf("%s: %v", path, err)
			}
		}
		if after := lastEvent(t, s); after != before {
			t.Errorf("%d new events", after-before)
		}
	})
}

func TestReplaceStartsTheChildEvenIfTheCallerIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, log, stop := startLoggedShop(t, nil)
		defer s.end(t)
		defer stop()
		defer c.Close()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := c.Replace(ctx, sup.Target{Path: "shop/slow"}); !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
		synctest.Wait()
		if err := c.Replace(t.Context(), sup.Target{Path: "shop/slow"}); !errors.Is(err, sup.ErrRestarting) {
			t.Errorf("second call in the meantime: %v", err)
		}
		s.hold <- struct{}{}
		synctest.Wait()
		expectSlow(t, s, sup.StateRunning, 2)
		if !strings.Contains(log.String(), `msg="operator call" op=Replace client="anyone at pipe" role=operator path=shop/slow took=1s result="`) {
			t.Errorf("call not logged:\n%s", log)
		}
	})
}

func expectSlow(t *testing.T, s *shop, state sup.State, incarnation int) {
	t.Helper()
	if slow := childOf(t, s, "shop/slow"); slow.State != state || slow.Incarnation != incarnation {
		t.Errorf("shop/slow is %v, incarnation %d; want %v, %d", slow.State, slow.Incarnation, state, incarnation)
	}
}

func TestReplaceDoesNotBlockTheEndOfTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, log, stop := startLoggedShop(t, nil)
		defer s.end(t)
		defer c.Close()
		done := make(chan error, 1)
		go func() { done <- c.Replace(t.Context(), sup.Target{Path: "shop/slow"}) }()
		time.Sleep(time.Second)
		begun := time.Now()
		stop()
		if took := time.Since(begun); took > remote.DefaultGrace {
			t.Errorf("the server took %v to end", took)
		}
		if err := <-done; !errors.Is(err, remote.ErrEnding) {
			t.Errorf("error %v", err)
		}
		if !strings.Contains(log.String(), "op=Replace") {
			t.Errorf("call not logged:\n%s", log)
		}
		s.hold <- struct{}{}
		synctest.Wait()
		expectSlow(t, s, sup.StateRunning, 2)
	})
}

func TestReplaceReturnsAfterCallTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, c, _, stop := startLoggedShop(t, func(config *remote.Config) { config.CallTimeout = 3 * time.Second })
		defer s.end(t)
		defer stop()
		defer c.Close()
		err := c.Replace(t.Context(), sup.Target{Path: "shop/slow"})
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		s.hold <- struct{}{}
		synctest.Wait()
		expectSlow(t, s, sup.StateRunning, 2)
	})
}

// A path may spell an id with a percent sign without escapes.
func TestTheServerIsNotStoppedUnderAnotherSpellingOfItsPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWire()
		var s *sup.Supervisor[sup.Worker]
		s = sup.New(sup.Spec[sup.Worker]{Name: "app", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "a%/b", Start: func(context.Context) (sup.Worker, error) {
				return remote.NewServer(sup.Control(s), remote.Config{
					Listener: w.listen(), Access: []remote.Grant{remote.Anyone(remote.Operator)}, Logger: new(logbook).logger(),
				}), nil
			}},
		}})
		if err := s.Start(context.Background()); err != nil {
			t.Fatal(err)
		}
		c := dial(t, w, remote.Dialer{})
		defer c.Close()
		for _, path := range []string{"app/a%25%2Fb", "app/a%%2Fb"} {
			if _, err := c.Child(t.Context(), path); err != nil {
				t.Errorf("Child(%q): %v", path, err)
			}
			for name, call := range map[string]func(context.Context, sup.Target) error{"Terminate": c.TerminateChild, "Replace": c.Replace, "Shutdown": c.Shutdown} {
				if err := call(t.Context(), sup.Target{Path: path}); !errors.Is(err, remote.ErrSelf) {
					t.Errorf("%s(%q): %v", name, path, err)
				}
			}
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
