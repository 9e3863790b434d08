package remote_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/remote"
)

// sameErrors compares errors by their text, types and sentinels.
var sameErrors = cmp.Comparer(func(a, b error) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Error() == b.Error()
})

func TestAClientSeesTheSameTreeAsTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		s.db.fail <- errLost
		synctest.Wait()
		time.Sleep(90 * time.Second) // it has come back, and all have been up for a while
		w := newWire()
		defer serve(t, sup.Control(s), w, nil)()
		c := dial(t, w, remote.Dialer{})
		defer c.Close()

		here := sup.Inspect(s)
		for _, path := range []string{"", "shop", "shop/feeds", "shop/a%2Fb%25", "shop/\xff", "shop/none", "shop/db/none", "", "/", "..", "shop/../shop", "shop/a%2fb%25", "shop//feeds", "shop/feeds/"} {
			compare(t, path, "Status", here.Status, c.Status)
			compare(t, path, "Snapshot", here.Snapshot, c.Snapshot)
			compare(t, path, "Children", here.Children, c.Children)
			compare(t, path, "Child", here.Child, c.Child)
			compare(t, path, "Stacks", here.Stacks, c.Stacks)
		}
	})
}

func compare[T any](t *testing.T, path, name string, here, there func(ctx context.Context, path string) (T, error)) {
	t.Helper()
	want, wantErr := here(t.Context(), path)
	got, gotErr := there(t.Context(), path)
	if diff := cmp.Diff(want, got, sameErrors); diff != "" {
		t.Errorf("%s(%q) differs (-process +client):\n%s", name, path, diff)
	}
	if diff := cmp.Diff(wantErr, gotErr, sameErrors); diff != "" {
		t.Errorf("%s(%q) fails differently (-process +client):\n%s", name, path, diff)
	}
}

func TestAClientOperatesTheTreeLikeTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := startShop(t)
		defer s.end(t)
		w := newWire()
		defer serve(t, sup.Control(s), w, nil)()
		c := dial(t, w, remote.Dialer{})
		defer c.Close()
		ctx := t.Context()

		child, err := c.StartChild(ctx, "shop/feeds", "IBM")
		if err != nil || child.ID != "IBM" || child.State != sup.StateRunning {
			t.Errorf("StartChild: %+v, %v", child, err)
		}
		for _, path := range []string{"shop/feeds/IBM", "shop/a%2Fb%25"} {
			if err := c.TerminateChild(ctx, sup.Target{Path: path, Incarnation: 1}); err != nil {
				t.Error(err)
			}
			if got := state(t, c, path); got != sup.StateStopped {
				t.Errorf("%s is %v after TerminateChild", path, got)
			}
			if err := c.RestartChild(ctx, sup.Target{Path: path, Incarnation: 1}); err != nil {
				t.Error(err)
			}
			if got := state(t, c, path); got != sup.StateRunning {
				t.Errorf("%s is %v after RestartChild", path, got)
			}
		}
		if err := c.Shutdown(ctx, sup.Target{Path: "shop/feeds"}); err != nil {
			t.Error(err)
		}
		if err := c.DeleteChild(ctx, sup.Target{Path: "shop/feeds"}); err != nil {
			t.Error(err)
		}
		if err := c.TerminateChild(ctx, sup.Target{Path: "shop/\xff"}); err != nil { // temporary
			t.Error(err)
		}
		for _, path := range []string{"shop/feeds", "shop/\xff"} {
			if _, err := c.Child(ctx, path); !errors.Is(err, sup.ErrNotFound) {
				t.Errorf("%s still exists: %v", path, err)
			}
		}
	})
}

func state(t *testing.T, c sup.Inspector, path string) sup.State {
	t.Helper()
	child, err := c.Child(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return child.State
}
