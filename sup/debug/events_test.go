package debug_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/debug"
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
var errRoute = errors.New("no route to it")

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
