package mailbox_test

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup/mailbox"
	"github.com/espalier-go/espalier/sup/suptest"
)

func TestTheZeroMailboxHoldsAHundredMessagesInOrder(t *testing.T) {
	var b mailbox.Mailbox[int]
	if b.Len() != 0 || b.Cap() != mailbox.DefaultCapacity {
		t.Errorf("Len %d, Cap %d", b.Len(), b.Cap())
	}
	_, err := b.TryReceive()
	wantError(t, "TryReceive", err, mailbox.ErrEmpty)
	var want []int
	for i := range 100 {
		fill(t, &b, i)
		want = append(want, i)
	}
	wantError(t, "TrySend to a full one", b.TrySend(100), mailbox.ErrFull)
	if b.Len() != 100 {
		t.Errorf("Len %d, want 100", b.Len())
	}
	wantRest(t, &b, want...)
}

func TestOrderHoldsWhileTheRingTurnsAndGrows(t *testing.T) {
	b := mailbox.New[int](mailbox.Unbounded)
	next, sent := 0, 0
	for round := range 60 {
		for range round * 7 {
			fill(t, b, sent)
			sent++
		}
		for range round * 5 {
			if got, err := b.TryReceive(); got != next || err != nil {
				t.Fatalf("got %d, %v; want %d", got, err, next)
			}
			next++
		}
	}
	for _, got := range rest(b) {
		if got != next {
			t.Fatalf("got %d, want %d", got, next)
		}
		next++
	}
	if next != sent {
		t.Errorf("%d of %d came", next, sent)
	}
}

func TestTheMemoryOfABurstIsGivenBackThoughTheMailboxIsNeverEmpty(t *testing.T) {
	const burst, kept = 100_000, 1024
	b := mailbox.New[int](mailbox.Unbounded)
	sent, next := 0, 0
	send := func() { fill(t, b, sent); sent++ }
	receive := func() {
		if got, err := b.TryReceive(); got != next || err != nil {
			t.Fatalf("got %d, %v; want %d", got, err, next)
		}
		next++
	}
	for range burst {
		send()
	}
	for b.Len() > 1 {
		if receive(); b.Len()%3 == 0 { // so that what is left lies across the end of the ring, too
			receive()
			send()
		}
		if room := mailbox.Room(b); room > max(kept, 16*b.Len()) {
			t.Fatalf("there is memory for %d, with %d in it", room, b.Len())
		}
	}
	if room := mailbox.Room(b); room > kept {
		t.Errorf("there is memory for %d", room)
	}
}

// Wherever the number of messages goes up and down, memory does not.
func TestAMailboxDoesNotGrowAndShrinkWithEachMessage(t *testing.T) {
	b := mailbox.New[int](mailbox.Unbounded)
	resized := 0
	room := mailbox.Room(b)
	look := func() {
		if now := mailbox.Room(b); now != room {
			room, resized = now, resized+1
		}
	}
	const most, swing = 10_000, 5
	for _, step := range []int{1, -1} { // up, and down again
		for b.Len() != most*(1+step)/2 {
			before := resized
			for range 3 {
				for range swing {
					fill(t, b, 1)
					look()
				}
				for range swing {
					_, _ = b.TryReceive()
					look()
				}
			}
			if resized > before+1 {
				t.Fatalf("at %d messages the memory was changed %d times", b.Len(), resized-before)
			}
			if step > 0 {
				fill(t, b, 1)
			} else {
				_, _ = b.TryReceive()
			}
			look()
		}
	}
	if resized < 10 { // it has grown to 16384 by doubling, and shrunk at 1023 and 127
		t.Errorf("the memory was changed %d times: this shows nothing", resized)
	}
}

func TestTheMemoryOfABurstIsGivenBack(t *testing.T) {
	b := mailbox.New[int](mailbox.Unbounded)
	for range 100_000 {
		fill(t, b, 1)
	}
	if n := len(rest(b)); n != 100_000 {
		t.Errorf("%d came", n)
	}
	fill(t, b, 1)
	if room := mailbox.Room(b); room > 1024 {
		t.Errorf("there is memory for %d messages, and 1 is in it", room)
	}
}

func TestACapacityIsWhatWasAskedForOrTheDefault(t *testing.T) {
	for asked, want := range map[int]int{
		1: 1, 7: 7, math.MaxInt: mailbox.Unbounded,
		0: mailbox.DefaultCapacity, -1: mailbox.DefaultCapacity, math.MinInt: mailbox.DefaultCapacity,
	} {
		b := mailbox.New[int](asked)
		if b.Cap() != want {
			t.Errorf("New(%d): Cap %d, want %d", asked, b.Cap(), want)
		}
		for range min(want, 1000) {
			fill(t, b, 1)
		}
		if err := b.TrySend(1); (err == nil) != (want == mailbox.Unbounded) {
			t.Errorf("New(%d): one more: %v", asked, err)
		}
	}
}

func TestALargerCapacityLetsInThoseWhoWait(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		b := mailbox.New[int](1)
		fill(t, b, 0)
		for i := 1; i <= 3; i++ {
			go func() { wantError(t, "Send", b.Send(t.Context(), i), nil) }()
			synctest.Wait()
		}
		b.SetCapacity(3)
		synctest.Wait()
		if b.Len() != 3 {
			t.Errorf("%d are in it, want 3", b.Len())
		}
		b.SetCapacity(2)
		wantError(t, "TrySend to one that is too full", b.TrySend(9), mailbox.ErrFull)
		_, _ = b.TryReceive()
		synctest.Wait()
		if b.Len() != 2 {
			t.Errorf("%d are in it, want 2: there is no room for the one that waits", b.Len())
		}
		wantRest(t, b, 1, 2, 3)
	})
}

func TestAClosedMailboxGivesWhatItHoldsAndTakesNothing(t *testing.T) {
	var b mailbox.Mailbox[string]
	fill(t, &b, "a", "b")
	b.Close()
	b.Close()
	wantError(t, "TrySend", b.TrySend("c"), mailbox.ErrClosed)
	wantError(t, "Send", b.Send(t.Context(), "c"), mailbox.ErrClosed)
	if got, err := b.Receive(t.Context()); got != "a" || err != nil {
		t.Errorf("Receive: %q, %v", got, err)
	}
	if got, err := b.TryReceive(); got != "b" || err != nil {
		t.Errorf("TryReceive: %q, %v", got, err)
	}
	_, err := b.TryReceive()
	wantError(t, "TryReceive", err, mailbox.ErrClosed)
	_, err = b.Receive(t.Context())
	wantError(t, "Receive", err, mailbox.ErrClosed)
}

func TestCloseEndsAllWaits(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		empty, full := new(mailbox.Mailbox[int]), mailbox.New[int](1)
		fill(t, full, 0)
		for range 3 {
			go func() {
				_, err := empty.Receive(t.Context())
				wantError(t, "Receive", err, mailbox.ErrClosed)
			}()
			go func() { wantError(t, "Send", full.Send(t.Context(), 1), mailbox.ErrClosed) }()
		}
		synctest.Wait()
		empty.Close()
		full.Close()
		synctest.Wait()
		wantRest(t, full, 0)
	})
}

func TestAllTakesOneMessageAtATimeUntilTheMailboxIsClosedAndEmpty(t *testing.T) {
	var b mailbox.Mailbox[int]
	fill(t, &b, 1, 2, 3, 4)
	for m := range b.All(t.Context()) {
		if m == 2 {
			break
		}
	}
	if b.Len() != 2 {
		t.Errorf("after a loop that was left, Len is %d, want 2", b.Len())
	}
	for range b.All(endedContext(errBoom)) {
		t.Error("a message though the context has ended")
	}
	b.Close()
	if diff := cmp.Diff([]int{3, 4}, slices.Collect(b.All(t.Context()))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNoMessageMovesOnceTheContextHasEnded(t *testing.T) {
	var b mailbox.Mailbox[int]
	fill(t, &b, 1)
	ctx := endedContext(errBoom)
	_, received := b.Receive(ctx)
	for call, err := range map[string]error{
		"send":    b.Send(ctx, 2),
		"receive": received,
		"process": b.Process(ctx, func(context.Context, int) error { t.Error("called"); return nil }, mailbox.Policy[int]{}),
	} {
		wantError(t, call, err, errBoom)
		if want := call + ": boom"; !strings.HasPrefix(err.Error(), want) {
			t.Errorf("the text is %q, want %q", err, want)
		}
	}
	wantRest(t, &b, 1)
}
