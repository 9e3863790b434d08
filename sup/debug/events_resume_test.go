package debug_test

import (
	"context"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
)

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

type unreachable struct {
	sup.Inspector
	broken atomic.Bool
}

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
