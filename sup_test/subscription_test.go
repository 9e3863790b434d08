package sup_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// pending takes what a subscription holds at the moment, and reports whether it
// has ended.
func pending(sub *sup.Subscription) (events []sup.Event, ended bool) {
	synctest.Wait()
	for {
		select {
		case e, ok := <-sub.Events():
			if !ok {
				return events, true
			}
			events = append(events, e)
		default:
			return events, false
		}
	}
}

// Events: a subscription is told what its supervisor's observers are, from when
// it was made, which may be before the start, until its supervisor ends.
func TestASubscriptionIsToldWhatObserversAreUntilTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, r := make(controls), new(recorder)
		s := sup.New(sup.Spec[*fake]{Observers: []sup.Observer{r}, Children: c.good(new(trace), "a")})
		early := s.Subscribe(100)
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		late := s.Subscribe(100)
		c.die("a", errBoom)
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		all := r.take()
		for sub, want := range map[*sup.Subscription][]sup.Event{early: all, late: all[3:]} {
			got, ended := pending(sub)
			if diff := cmp.Diff(want, got, sameError); diff != "" || !ended || sub.Dropped() != 0 {
				t.Errorf("ended %v, dropped %d, events (-want +got):\n%s", ended, sub.Dropped(), diff)
			}
		}
	})
}

// Events: what does not fit is dropped and counted, and holds up nothing; the
// gap shows in Seq.
func TestASubscriptionDropsAndCountsWhatDoesNotFit(t *testing.T) {
	for _, size := range []int{-1, 0, 1, 3} {
		bubble(t, func(t *testing.T) {
			c := make(controls)
			s := start(t, sup.Spec[*fake]{Children: c.good(new(trace), "a")})
			sub := s.Subscribe(size)
			defer sub.Close()
			c.die("a", errBoom)
			c.die("a", errBoom)
			const all = 2 * 4
			events, _ := pending(sub)
			if got, want := len(events), max(size, 1); got != want || sub.Dropped() != uint64(all-want) {
				t.Errorf("it holds %d and has dropped %d; want %d of %d", got, sub.Dropped(), want, all)
			}
			c.die("a", errBoom)
			events, _ = pending(sub)
			const begun = 3 // before the subscription
			if len(events) == 0 || events[0].Seq != begun+all+1 {
				t.Errorf("after what was dropped: %+v; want number %d first", events, begun+all+1)
			}
		})
	}
}

// Events: a crash loop does not wait for a subscription that nobody reads.
func TestASubscriptionThatNobodyReadsHoldsUpNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Intensity: ample, Children: c.good(new(trace), "a")})
		sub := s.Subscribe(1)
		for range 100 {
			c.die("a", errBoom)
		}
		expectStates(t, s, "a running")
		if n := sub.Dropped(); n != 100*4-1 {
			t.Errorf("%d dropped", n)
		}
	})
}

// Events: Close ends a subscription, more than once, at once from many places,
// and after its supervisor has ended.
func TestASubscriptionCanBeClosedMoreThanOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Children: c.good(new(trace), "a")})
		sub, other := s.Subscribe(10), s.Subscribe(10)
		var all sync.WaitGroup
		for range 10 {
			all.Go(sub.Close)
		}
		all.Wait()
		c.die("a", errBoom)
		if events, ended := pending(sub); len(events) > 0 || !ended {
			t.Errorf("closed, it holds %v, ended %v", drawn(events), ended)
		}
		if events, ended := pending(other); len(events) != 4 || ended {
			t.Errorf("the other holds %v, ended %v", drawn(events), ended)
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		sub.Close()
		other.Close()
		other.Close()
		if events, ended := pending(other); len(events) != 4 || !ended {
			t.Errorf("after the end the other holds %v, ended %v", drawn(events), ended)
		}
		early := sup.New(sup.Spec[*fake]{}).Subscribe(1)
		early.Close()
		early.Close()
		if _, ended := pending(early); !ended {
			t.Error("closed before the start, it has not ended")
		}
	})
}

// Events: one of a nested supervisor is told what happens there, and ends with
// that.
func TestASubscriptionToANestedSupervisorEndsWithThat(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		end := c.of("other")
		inner := sup.New(sup.Spec[*fake]{Intensity: none, Children: c.good(new(trace), "w")})
		s := start(t, sup.Spec[sup.Worker]{Name: "s", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "n", Start: func(context.Context) (sup.Worker, error) { return inner, nil }},
			{ID: "other", Restart: sup.Temporary, Start: func(context.Context) (sup.Worker, error) {
				return workerFunc(func(context.Context) error { <-end; return nil }), nil
			}},
		}})
		sub, above := inner.Subscribe(100), s.Subscribe(100)
		c.die("other", nil)
		c.die("w", errBoom)
		events, ended := pending(sub)
		if diff := cmp.Diff([]string{"child exited s/n/w 1, abnormal", "child stopped s/n/w 1, abnormal", "supervisor failed s/n, abnormal",
			"supervisor stopped s/n, abnormal"}, drawn(events)); diff != "" || !ended {
			t.Errorf("ended %v, events (-want +got):\n%s", ended, diff)
		}
		if events, ended := pending(above); len(events) < 10 || ended {
			t.Errorf("that above: %v, ended %v", drawn(events), ended)
		}
	})
}

// Events: the iterator ends with its context, with the loop, or with the
// subscription.
func TestTheIteratorOfASubscriptionEnds(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Children: c.good(new(trace), "a")})
		sub := s.Subscribe(100)
		c.die("a", errBoom)
		for e := range sub.All(t.Context()) {
			if e.Kind != sup.ChildExited {
				t.Errorf("first %v", e.Kind)
			}
			break
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		n := 0
		for range sub.All(ctx) {
			n++
		}
		if n != 3 || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Errorf("%d more, then %v", n, ctx.Err())
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		for range sub.All(context.Background()) {
			n++
		}
		if n != 3+4 {
			t.Errorf("%d; want the four of the end too", n)
		}
	})
}

// Events: they are counted whether anybody listens or not, so that who comes back
// knows what he has missed.
func TestEventsAreCountedWhileNobodyListens(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Intensity: ample, Children: c.good(new(trace), "a")})
		seq := func(sub *sup.Subscription) uint64 {
			c.die("a", errBoom)
			events, _ := pending(sub)
			sub.Close()
			return events[0].Seq
		}
		const begun, restart = 3, 4
		c.die("a", errBoom)
		if got := seq(s.Subscribe(10)); got != begun+restart+1 {
			t.Errorf("the first event is number %d; want %d", got, begun+restart+1)
		}
		c.die("a", errBoom) // nobody listens again
		if got := seq(s.Subscribe(10)); got != begun+3*restart+1 {
			t.Errorf("the next is number %d; want %d", got, begun+3*restart+1)
		}
	})
}

// Events: that an observer has panicked is told to subscriptions too, in the order
// of the numbers.
func TestASubscriptionIsToldOfAnObserverThatPanics(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bad := sup.ObserverFunc(func(e sup.Event) {
			if e.Kind == sup.ChildReady {
				panic(errBoom)
			}
		})
		s := sup.New(sup.Spec[*fake]{Name: "s", Observers: []sup.Observer{bad}, Children: []sup.ChildSpec[*fake]{{ID: "w", Start: makes(fake{})}}})
		sub := s.Subscribe(100)
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		last, panics := uint64(0), 0
		for e := range sub.All(t.Context()) {
			if e.Seq <= last {
				t.Errorf("%v is number %d, after %d", e.Kind, e.Seq, last)
			}
			last = e.Seq
			if e.Kind == sup.ObserverPanicked {
				panics++
				if e.Path != "s/w" || !errors.Is(e.Exit.Err, errBoom) {
					t.Errorf("%+v", e)
				}
			}
		}
		if panics != 1 {
			t.Errorf("told of %d panics", panics)
		}
	})
}
