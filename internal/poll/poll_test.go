package poll_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/internal/poll"
	"github.com/espalier-go/espalier/sup"
)

// A stub is an inspector with a Snapshot of the test.
type stub struct {
	sup.Inspector
	tree func(ctx context.Context) (sup.SupervisorInfo, error)
}

func (s stub) Snapshot(ctx context.Context, _ string) (sup.SupervisorInfo, error) { return s.tree(ctx) }

func named(name string) stub {
	return stub{tree: func(context.Context) (sup.SupervisorInfo, error) { return sup.SupervisorInfo{Path: name}, nil }}
}

// mute does not answer until its context ends.
func mute(ctx context.Context) (sup.SupervisorInfo, error) {
	<-ctx.Done()
	return sup.SupervisorInfo{}, context.Cause(ctx)
}

// summary formats readings.
func summary(readings []poll.Reading) []string {
	var all []string
	for _, r := range readings {
		all = append(all, fmt.Sprintf("%s: %s %s", r.Tree, r.Snapshot.Path, r.Reason))
	}
	return all
}

func check(t *testing.T, readings []poll.Reading, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, summary(readings)); diff != "" {
		t.Errorf("readings (-want +got):\n%s", diff)
	}
}

func TestUnresponsiveTreesTimeOutTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := poll.NewSet(stub{tree: mute}, named("a"), stub{tree: mute}, stub{tree: mute})
		began := time.Now()
		readings := s.Read(t.Context())
		if took := time.Since(began); took != poll.Timeout {
			t.Errorf("the collection took %v", took)
		}
		check(t, readings, "tree 1:  timeout", "a: a ", "tree 3:  timeout", "tree 4:  timeout")
	})
}

func TestAnEarlierDeadlineApplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		check(t, poll.NewSet(stub{tree: mute}).Read(ctx), "tree 1:  timeout")
		if took := time.Since(began); took != time.Second {
			t.Errorf("the collection took %v", took)
		}
	})
}

// The number of goroutines does not grow with the number of collections.
func TestAnInspectorThatIgnoresItsContextIsCalledOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var calls atomic.Int64
		release := make(chan struct{})
		s := poll.NewSet(named("a"), stub{tree: func(context.Context) (sup.SupervisorInfo, error) {
			calls.Add(1)
			<-release
			return sup.SupervisorInfo{Path: "b"}, nil
		}})
		for range 10 {
			began := time.Now()
			check(t, s.Read(t.Context()), "a: a ", "tree 2:  timeout")
			if took := time.Since(began); took > poll.Timeout+time.Second {
				t.Errorf("the collection took %v", took)
			}
		}
		if n := calls.Load(); n != 1 {
			t.Errorf("%d calls", n)
		}
		close(release)
		synctest.Wait()
		check(t, s.Read(t.Context()), "a: a ", "b: b ")
	})
}

func TestConcurrentCollectionsBothSucceed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := poll.NewSet(stub{tree: func(context.Context) (sup.SupervisorInfo, error) {
			time.Sleep(2 * time.Second)
			return sup.SupervisorInfo{Path: "a"}, nil
		}})
		results := make(chan []poll.Reading)
		for range 2 {
			go func() { results <- s.Read(context.Background()) }()
		}
		for range 2 {
			check(t, <-results, "a: a ")
		}
	})
}

// Another tree must not continue its counters.
func TestATreeKeepsItsNameWhileItIsDown(t *testing.T) {
	var down atomic.Bool
	s := poll.NewSet(stub{tree: func(context.Context) (sup.SupervisorInfo, error) {
		if down.Load() {
			return sup.SupervisorInfo{}, errors.New("lost")
		}
		return sup.SupervisorInfo{Path: "shop"}, nil
	}}, named("shop"))
	check(t, s.Read(t.Context()), "shop: shop ", "shop (tree 2):  name taken")
	down.Store(true)
	check(t, s.Read(t.Context()), "shop:  error", "shop (tree 2):  name taken")
}

// The series of a tree include those of a nested supervisor.
func TestANestedSupervisorDoesNotShareTheNameOfItsTree(t *testing.T) {
	s := poll.NewSet(named("shop"), named("shop/till"), named("shop-2"), named("bank/desk"), named("bank"))
	check(t, s.Read(t.Context()),
		"shop: shop ", "shop/till (tree 2):  name taken", "shop-2: shop-2 ", "bank/desk: bank/desk ", "bank (tree 5):  name taken")
}

func TestLabelsAreDistinct(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := poll.NewSet(named("tree 3"), named("x (tree 5)"), stub{tree: mute}, named("x"), named("x"), named("tree 3"))
		var labels []string
		for _, r := range s.Read(t.Context()) {
			labels = append(labels, r.Tree)
		}
		slices.Sort(labels)
		if distinct := slices.Compact(slices.Clone(labels)); len(distinct) != len(labels) {
			t.Errorf("labels %q", labels)
		}
	})
}

func TestAPanicInAnErrorMethodIsSurvived(t *testing.T) {
	s := poll.NewSet(stub{tree: func(context.Context) (sup.SupervisorInfo, error) { return sup.SupervisorInfo{}, rude{} }},
		stub{tree: func(context.Context) (sup.SupervisorInfo, error) { panic("at the inspector") }})
	check(t, s.Read(t.Context()), "tree 1:  error", "tree 2:  panic")
}

type rude struct{}

func (rude) Error() string        { panic("no text") }
func (rude) Is(target error) bool { panic("no comparison") }
