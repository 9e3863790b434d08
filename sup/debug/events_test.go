package debug_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
	"github.com/google/go-cmp/cmp"
)

func TestAStreamBeginsWithTheTreeAndTheRecordedEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, auction())
		crash(t, s, "ada")
		r := read(t, debug.Handler(sup.Inspect(s)), "/events", "")
		defer r.close()
		time.Sleep(time.Second)
		all := r.messages(t)
		if got := r.Header().Get("Content-Type"); got != "text/event-stream" {
			t.Errorf("Content-Type: %s", got)
		}
		first := all[0]
		if first.Session == nil || first.Session.Epoch == "" {
			t.Error("no session in the first message")
		}
		var paths []string
		for _, row := range first.Rows {
			paths = append(paths, row.Path+" "+row.State+" "+row.Exit+" "+row.Error)
		}
		if d := cmp.Diff([]string{"auction running  ", "auction/ada running abnormal broke", "auction/bob running  "}, paths); d != "" {
			t.Error(d)
		}
		_, seqs := kinds(all)
		want := []uint64{}
		for _, e := range recorded(s) {
			want = append(want, e.Seq)
		}
		if d := cmp.Diff(want, seqs); d != "" {
			t.Error(d)
		}
	})
}

func TestACrashIsSentWithinATenthOfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, auction())
		r := read(t, debug.Handler(sup.Inspect(s)), "/events", "")
		defer r.close()
		time.Sleep(5 * time.Second)
		before := len(r.messages(t))
		crash(t, s, "ada")
		time.Sleep(200 * time.Millisecond) // a message may have been sent just before
		after := r.messages(t)[before:]
		sent, _ := kinds(after)
		if d := cmp.Diff([]string{"child exited auction/ada", "child restarting auction/ada", "child starting auction/ada", "child ready auction/ada"}, sent); d != "" {
			t.Error(d)
		}
		var changed []string
		for _, m := range after {
			for _, row := range m.Rows {
				changed = append(changed, row.Path)
			}
		}
		if slices.Contains(changed, "auction/bob") {
			t.Errorf("unchanged rows are sent: %v", changed)
		}
		if !slices.Contains(changed, "auction/ada") || !slices.Contains(changed, "auction") {
			t.Errorf("missing changes of the child or of its supervisor's used restarts: %v", changed)
		}
	})
}

// restless declares a child that fails a thousand times a second.
func restless() sup.Spec[*bidder] {
	return sup.Spec[*bidder]{Name: "auction", Intensity: sup.Unlimited, Children: []sup.ChildSpec[*bidder]{{
		ID:      "ada",
		Backoff: sup.Backoff{Min: time.Millisecond, Max: time.Millisecond},
		Start: func(context.Context) (*bidder, error) {
			b := &bidder{make(chan error, 1)}
			b.fail <- errBroke
			return b, nil
		},
	}}}
}

func TestAStreamHasAtMostTenMessagesASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, restless())
		r := read(t, debug.Handler(sup.Inspect(s)), "/events", "")
		const seconds = 5
		time.Sleep(seconds * time.Second)
		all := r.messages(t)
		r.close()
		if n := len(all); n < 5*seconds || n > 10*seconds+1 {
			t.Errorf("%d messages in %d seconds", n, seconds)
		}
		for i := 1; i < len(r.writes); i++ {
			if d := r.writes[i].Sub(r.writes[i-1]); d < 100*time.Millisecond {
				t.Errorf("message %d comes after %v", i, d)
			}
		}
		_, seqs := kinds(all)
		for i := 1; i < len(seqs); i++ {
			if seqs[i] != seqs[i-1]+1 {
				t.Fatalf("%d comes after %d", seqs[i], seqs[i-1])
			}
		}
		if len(seqs) < 1000*seconds {
			t.Errorf("%d events", len(seqs))
		}
	})
}

func TestAResumedStreamSendsTheMissedEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, auction())
		h := debug.Handler(sup.Inspect(s))
		r := read(t, h, "/events", "")
		time.Sleep(time.Second)
		before := r.messages(t)
		r.close()
		crash(t, s, "ada")
		last := before[len(before)-1].ID
		for _, resume := range []func() *reader{
			func() *reader { return read(t, h, "/events", last) },
			func() *reader { return read(t, h, "/events?after="+last, "") },
		} {
			r := resume()
			time.Sleep(time.Second)
			after := r.messages(t)
			r.close()
			if after[0].Session == nil || len(after[0].Rows) != 3 {
				t.Error("the tree is not sent again")
			}
			sent, _ := kinds(after)
			if d := cmp.Diff([]string{"child exited auction/ada", "child restarting auction/ada", "child starting auction/ada", "child ready auction/ada"}, sent); d != "" {
				t.Error(d)
			}
		}
	})
}

func TestAnIDOfAnotherEpochGetsAllEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, auction())
		for _, id := range []string{"other-3", "3", "-", "other-", "x-18446744073709551615"} {
			r := read(t, debug.Handler(sup.Inspect(s)), "/events", id)
			time.Sleep(time.Second)
			_, seqs := kinds(r.messages(t))
			r.close()
			if d := cmp.Diff([]uint64{1, 2, 3, 4, 5}, seqs); d != "" {
				t.Errorf("%q: %s", id, d)
			}
		}
	})
}

func TestAStreamOutlivesTheTree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := sup.New(auction())
		r := read(t, debug.Handler(sup.Inspect(s)), "/events", "")
		defer r.close()
		for range 2 {
			if err := s.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Second)
			if got := state(r.messages(t), "auction"); got != "running" {
				t.Errorf("running tree is shown as %q", got)
			}
			if err := s.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(3 * time.Second)
			if got := state(r.messages(t), "auction"); got != "not running" {
				t.Errorf("ended tree is shown as %q", got)
			}
		}
		_, seqs := kinds(r.messages(t))
		if sorted := slices.IsSorted(seqs); !sorted || len(slices.Compact(seqs)) != len(seqs) {
			t.Errorf("events are not in order or not unique: %v", seqs)
		}
	})
}

func TestUsedRestartsDropWhenTheWindowHasPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, auction())
		r := read(t, debug.Handler(sup.Inspect(s)), "/events", "")
		defer r.close()
		crash(t, s, "ada")
		time.Sleep(time.Second)
		used := func() (n int) {
			for _, m := range r.messages(t) {
				for _, row := range m.Rows {
					if row.Path == "auction" {
						n = row.Sup.Window.Used
					}
				}
			}
			return n
		}
		if n := used(); n != 1 {
			t.Errorf("%d restarts are shown as used", n)
		}
		time.Sleep(sup.DefaultIntensity.Within + 2*time.Second)
		if n := used(); n != 0 {
			t.Errorf("%d restarts are shown as used after the window", n)
		}
	})
}

func TestAStreamWithoutChangesIsKeptAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, auction())
		r := read(t, debug.Handler(sup.Inspect(s)), "/events", "")
		time.Sleep(time.Minute)
		n := len(r.messages(t))
		r.close()
		if n > 2 {
			t.Errorf("%d messages without a change", n)
		}
		if c := strings.Count(r.text.String(), "\n:\n"); c < 3 || c > 4 {
			t.Errorf("%d keep-alives in a minute", c)
		}
	})
}

// unreachable is a remote tree that fails while broken is set.
type unreachable struct {
	sup.Inspector
	broken atomic.Bool
}

var errRoute = errors.New("no route to it")

func (u *unreachable) Snapshot(ctx context.Context, path string) (sup.SupervisorInfo, error) {
	if u.broken.Load() {
		return sup.SupervisorInfo{}, errRoute
	}
	return u.Inspector.Snapshot(ctx, path)
}

func (u *unreachable) Events(ctx context.Context, path string, after uint64) iter.Seq2[sup.Event, error] {
	if u.broken.Load() {
		return func(yield func(sup.Event, error) bool) { yield(sup.Event{}, errRoute) }
	}
	return u.Inspector.Events(ctx, path, after)
}

func TestAnUnreachableTreeIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, auction())
		u := &unreachable{Inspector: sup.Inspect(s)}
		u.broken.Store(true)
		r := read(t, debug.Handler(u), "/events", "")
		defer r.close()
		time.Sleep(2500 * time.Millisecond)
		all := r.messages(t)
		if got := all[len(all)-1].Error; got != "no route to it" {
			t.Errorf("error %q", got)
		}
		u.broken.Store(false)
		time.Sleep(2500 * time.Millisecond)
		all = r.messages(t)
		if last := all[len(all)-1]; last.Error != "" || state(all, "auction/ada") != "running" {
			t.Errorf("reachable again: error %q, state %q", last.Error, state(all, "auction/ada"))
		}
		if _, seqs := kinds(all); len(seqs) != 5 {
			t.Errorf("%d events", len(seqs))
		}
	})
}

// flood has more events than fit into a message.
type flood struct{ sup.Inspector }

const flooded = 5000

func (f flood) Events(ctx context.Context, _ string, after uint64) iter.Seq2[sup.Event, error] {
	return func(yield func(sup.Event, error) bool) {
		for seq := after + 1; seq <= flooded; seq++ {
			if !yield(sup.Event{Kind: sup.ChildReady, Seq: seq, Path: "auction/ada"}, nil) {
				return
			}
		}
		<-ctx.Done()
	}
}

func TestTheLastOfTooManyEventsAreSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := read(t, debug.Handler(flood{sup.Inspect(start(t, auction()))}), "/events", "")
		defer r.close()
		time.Sleep(time.Second)
		all := r.messages(t)
		_, seqs := kinds(all)
		if len(seqs) > flooded || seqs[len(seqs)-1] != flooded {
			t.Errorf("%d events, up to %d", len(seqs), seqs[len(seqs)-1])
		}
		skipped := slices.ContainsFunc(all, func(m message) bool { return m.Skipped })
		if whole := len(seqs) == flooded; skipped == whole {
			t.Errorf("%d events of %d, skipped: %t", len(seqs), flooded, skipped)
		}
	})
}

func TestTheStackOfAPanicIsSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := start(t, auction())
		b, err := s.Child("ada").Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		b.fail <- errPanic
		r := read(t, debug.Handler(sup.Inspect(s)), "/events", "")
		defer r.close()
		time.Sleep(time.Second)
		var stacks []string
		for _, m := range r.messages(t) {
			for _, e := range m.Events {
				if e.Stack != "" {
					stacks = append(stacks, e.Kind)
					mustContain(t, e.Stack, "(*bidder).Run")
				}
			}
		}
		if d := cmp.Diff([]string{"child exited"}, stacks); d != "" {
			t.Error(d)
		}
	})
}

// restarted is the tree of a remote program that is restarted after two seconds.
type restarted struct{ sup.Inspector }

func (restarted) Events(ctx context.Context, _ string, after uint64) iter.Seq2[sup.Event, error] {
	return func(yield func(sup.Event, error) bool) {
		send := func(seqs ...uint64) {
			for _, seq := range seqs {
				yield(sup.Event{Kind: sup.ChildReady, Seq: seq, Path: "auction/ada"}, nil)
			}
		}
		if after == 0 {
			send(1, 2, 3, 4, 5)
		}
		time.Sleep(2 * time.Second)
		yield(sup.Event{}, &sup.SkippedError{After: max(after, 5)})
		send(1, 2, 3)
		<-ctx.Done()
	}
}

func TestAStreamBeginsAnewWhenARemoteProgramIsRestarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := debug.Handler(restarted{sup.Inspect(start(t, auction()))})
		r := read(t, h, "/events", "")
		time.Sleep(5 * time.Second)
		all := r.messages(t)
		r.close()
		var sessions []message
		for _, m := range all {
			if m.Session != nil {
				sessions = append(sessions, m)
			}
		}
		if len(sessions) != 2 || sessions[0].Session.Epoch == sessions[1].Session.Epoch || len(sessions[1].Rows) != 3 {
			t.Fatalf("%d sessions: %v", len(sessions), sessions)
		}
		again := slices.IndexFunc(all, func(m message) bool { return m.Session == sessions[1].Session })
		if _, seqs := kinds(all[again:]); !slices.Equal(seqs, []uint64{1, 2, 3}) {
			t.Errorf("events after the restart: %v", seqs)
		}
		last := all[len(all)-1].ID
		if !strings.HasPrefix(last, sessions[1].Session.Epoch+"-") {
			t.Errorf("the id is %s", last)
		}
	})
}

func TestAnExhaustedHostIsInTheEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		starts := 0
		s := start(t, sup.Spec[*bidder]{Name: "auction", Children: []sup.ChildSpec[*bidder]{
			{ID: "ada", Start: func(ctx context.Context) (*bidder, error) {
				if starts++; starts == 2 {
					return nil, syscall.EMFILE
				}
				return newBidder(ctx)
			}},
		}})
		crash(t, s, "ada")
		r := read(t, debug.Handler(sup.Inspect(s)), "/events", "")
		defer r.close()
		time.Sleep(time.Second)
		var exhausted []bool
		for _, m := range r.messages(t) {
			for _, e := range m.Events {
				if e.Kind == "child restarting" {
					exhausted = append(exhausted, e.Exhausted)
				}
			}
		}
		if !slices.Equal(exhausted, []bool{false, true}) {
			t.Errorf("exhausted: %v", exhausted)
		}
	})
}
