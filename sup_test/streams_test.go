package sup_test

import (
	"context"
	"errors"
	"iter"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
)

// Events: A stream yields the events that observers receive, from its
// beginning, which may precede the start, until its supervisor ends.
func TestAStreamYieldsTheEventsOfObserversUntilTheEnd(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c, r := make(controls), new(recorder)
		s := sup.New(sup.Spec[*fake]{Observers: []sup.Observer{r}, Children: c.good(new(trace), "a")})
		early := listen(s)
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		late := listen(s)
		c.die("a", errBoom)
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		all := r.take()
		for stream, want := range map[*listener][]sup.Event{early: all, late: all[3:]} {
			got, ended := stream.pending()
			if diff := cmp.Diff(want, got, sameError); diff != "" || !ended {
				t.Errorf("ended %v, events (-want +got):\n%s", ended, diff)
			}
		}
	})
}

// Events: The stream of a nested supervisor that begins before its start has what
// happens in it, under the path that the start gives it.
func TestAStreamOfANestedSupervisorMayBeginBeforeItsStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		below := sup.New(sup.Spec[*fake]{Name: "own", Children: make(controls).good(new(trace), "a")})
		stream := listen(below)
		start(t, sup.Spec[sup.Worker]{Name: "s", Children: []sup.ChildSpec[sup.Worker]{
			{ID: "n", Start: func(context.Context) (sup.Worker, error) { return below, nil }},
		}})
		events, _ := stream.pending()
		if diff := cmp.Diff([]string{"child starting s/n/a 1", "child ready s/n/a 1", "supervisor started s/n"}, drawn(events)); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// Events: A crash loop does not wait for a slow reader. The reader learns that
// it has missed events.
func TestASlowReaderDelaysNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Intensity: ample, Children: c.good(new(trace), "a")})
		const crashes = 400 // with four events each, more than a stream holds
		next, stop := iter.Pull2(sup.Inspect(s).Events(t.Context(), "", sup.FromNow))
		defer stop()
		first := make(chan struct{})
		go func() {
			defer close(first)
			if e, err, ok := next(); e.Kind != sup.ChildExited || err != nil || !ok {
				t.Errorf("first %v, %v", e.Kind, err)
			}
		}()
		synctest.Wait() // the stream begins with the first call of next
		c.die("a", errBoom)
		<-first
		for range crashes {
			c.die("a", errBoom)
		}
		expectStates(t, s, "a running")
		for n := 1; ; n++ {
			e, err, ok := next()
			if errors.Is(err, sup.ErrSkipped) {
				break
			}
			if err != nil || !ok || n > crashes*4 {
				t.Fatalf("after %d events: %v, %v, no gap", n, e.Kind, err)
			}
		}
	})
}

// Events: The stream of a nested supervisor yields its events and ends with it.
func TestTheStreamOfANestedSupervisorEndsWithIt(t *testing.T) {
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
		sub, above := listen(inner), listen(s)
		c.die("other", nil)
		c.die("w", errBoom)
		events, ended := sub.pending()
		if diff := cmp.Diff([]string{"child exited s/n/w 1, abnormal", "child stopped s/n/w 1, abnormal", "supervisor failed s/n, abnormal",
			"supervisor stopped s/n, abnormal"}, drawn(events)); diff != "" || !ended {
			t.Errorf("ended %v, events (-want +got):\n%s", ended, diff)
		}
		if events, ended := above.pending(); len(events) < 10 || ended {
			t.Errorf("stream of the parent: %v, ended %v", drawn(events), ended)
		}
	})
}

// Events: A stream ends with its context, its loop or its supervisor.
func TestAStreamEndsWithItsContextTheLoopOrTheSupervisor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Children: c.good(new(trace), "a")})
		events := sup.Inspect(s).Events
		c.die("a", errBoom)
		for e, err := range events(t.Context(), "", 3) {
			if e.Kind != sup.ChildExited || err != nil {
				t.Errorf("first %v, %v", e.Kind, err)
			}
			break
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		n := 0
		for range events(ctx, "", 4) {
			n++
		}
		if n != 3 || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
			t.Errorf("%d more, then %v", n, ctx.Err())
		}
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		for range events(context.Background(), "", 7) {
			n++
		}
		if n != 3+4 {
			t.Errorf("%d events; want the four of the end too", n)
		}
	})
}

// Events: Events are counted without readers too, so that a reader that resumes
// knows how many it has missed.
func TestEventsAreCountedWithoutReaders(t *testing.T) {
	bubble(t, func(t *testing.T) {
		c := make(controls)
		s := start(t, sup.Spec[*fake]{Intensity: ample, Children: c.good(new(trace), "a")})
		seq := func(stream *listener) uint64 {
			c.die("a", errBoom)
			events, _ := stream.pending()
			stream.close()
			return events[0].Seq
		}
		const begun, restart = 3, 4
		c.die("a", errBoom)
		if got := seq(listen(s)); got != begun+restart+1 {
			t.Errorf("the first event is number %d; want %d", got, begun+restart+1)
		}
		c.die("a", errBoom) // no reader again
		if got := seq(listen(s)); got != begun+3*restart+1 {
			t.Errorf("the next is number %d; want %d", got, begun+3*restart+1)
		}
	})
}

// Events: A stream includes the panic of an observer, in the order of the
// numbers.
func TestAStreamIncludesThePanicOfAnObserver(t *testing.T) {
	bubble(t, func(t *testing.T) {
		bad := sup.ObserverFunc(func(e sup.Event) {
			if e.Kind == sup.ChildReady {
				panic(errBoom)
			}
		})
		s := sup.New(sup.Spec[*fake]{Name: "s", Observers: []sup.Observer{bad}, Children: []sup.ChildSpec[*fake]{{ID: "w", Start: makes(fake{})}}})
		stream := listen(s)
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		last, panics := uint64(0), 0
		events, _ := stream.pending()
		for _, e := range events {
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
			t.Errorf("%d panics reported", panics)
		}
	})
}
