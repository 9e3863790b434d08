package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/espalier-go/espalier/sup/mailbox"
	"github.com/espalier-go/espalier/sup/suptest"
)

func TestThoseWhoWaitAreServedInTheOrderInWhichTheyCame(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[string]
		var j journal
		b.SetCapacity(1)
		for i := range 3 {
			go func() {
				m, err := b.Receive(t.Context())
				j.add(fmt.Sprint("receiver ", i), m, fmt.Sprint(err))
			}()
			synctest.Wait()
		}
		for _, m := range []string{"a", "b", "c"} {
			fill(t, &b, m)
			synctest.Wait()
		}
		j.expect(t, "receiver 0 a <nil>", "receiver 1 b <nil>", "receiver 2 c <nil>")

		fill(t, &b, "d")
		for i := range 3 {
			go func() {
				err := b.Send(t.Context(), fmt.Sprint("of ", i))
				j.add(fmt.Sprint("sender ", i), fmt.Sprint(err))
			}()
			synctest.Wait()
		}
		j.expect(t)
		for range 3 {
			m, _ := b.TryReceive()
			j.add("took", m)
			synctest.Wait()
		}
		j.expect(t, "took d", "sender 0 <nil>", "took of 0", "sender 1 <nil>", "took of 1", "sender 2 <nil>")
		wantRest(t, &b, "of 2")
	})
}

func TestAWaitEndsWithItsContextAndTheOthersKeepTheirPlaces(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		empty, full := new(mailbox.Mailbox[int]), mailbox.New[int](1)
		fill(t, full, 0)
		var j journal
		var cancels []context.CancelCauseFunc
		for i := range 4 {
			ctx, cancel := context.WithCancelCause(context.Background())
			cancels = append(cancels, cancel)
			go func() {
				m, err := empty.Receive(ctx)
				j.add(fmt.Sprint("receiver ", i, ": ", m), fmt.Sprint(err))
			}()
			go func() { j.add(fmt.Sprint("sender ", i, ":"), fmt.Sprint(full.Send(ctx, 10*i))) }()
			synctest.Wait()
		}
		for _, i := range []int{1, 3, 0} { // in the middle, last, first
			cancels[i](errBoom)
			synctest.Wait()
		}
		j.mu.Lock()
		if len(j.list) != 6 {
			t.Errorf("ended: %q", j.list)
		}
		j.list = nil
		j.mu.Unlock()
		fill(t, empty, 7)
		j.expect(t, "receiver 2: 7 <nil>")
		wantRest(t, full, 0, 20)
		j.expect(t, "sender 2: <nil>")
		cancels[2](nil)
	})
}

func TestACauseSaysWhyAWaitHasEnded(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[int]
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		_, err := b.Receive(ctx)
		wantError(t, "Receive", err, context.DeadlineExceeded)
		if got, want := err.Error(), "mailbox: receive: context deadline exceeded"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// A message that is handed to a receiver at the moment in which its context ends
// is either received or back in its place; one that is sent at that moment was
// sent once or not at all.
func TestNothingIsLostWhenAWaitEndsAtTheSameMoment(t *testing.T) {
	const rounds = 3000
	b := mailbox.New[int](1)
	for round := range rounds {
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		var got int
		var received, sent error
		start := make(chan struct{})
		wg.Go(func() { got, received = b.Receive(ctx) })
		wg.Go(func() { <-start; cancel() })
		wg.Go(func() { <-start; sent = b.Send(context.Background(), round) })
		for range rand.IntN(4) {
			runtime.Gosched()
		}
		close(start)
		wg.Wait()
		left := rest(b)
		switch {
		case sent != nil:
			t.Fatalf("Send: %v", sent)
		case received == nil && (got != round || len(left) > 0), received != nil && (len(left) != 1 || left[0] != round):
			t.Fatalf("round %d: received %d, %v; left %v", round, got, received, left)
		}

		fill(t, b, -1)
		ctx, cancel = context.WithCancel(context.Background())
		start = make(chan struct{})
		wg.Go(func() { sent = b.Send(ctx, round) })
		wg.Go(func() { <-start; cancel() })
		wg.Go(func() { <-start; _, received = b.Receive(context.Background()) })
		for range rand.IntN(4) {
			runtime.Gosched()
		}
		close(start)
		wg.Wait()
		left = rest(b)
		if received != nil || (sent == nil) != (len(left) == 1) {
			t.Fatalf("round %d: sent %v, received %v; left %v", round, sent, received, left)
		}
		if sent != nil && !errors.Is(sent, context.Canceled) {
			t.Fatal(sent)
		}
	}
}

// A Send that returned nil before or while the mailbox was closed has sent its
// message, and whoever receives until ErrClosed gets it.
func TestNothingIsLostWhenTheMailboxIsClosedAtTheSameMoment(t *testing.T) {
	for range 300 {
		b := mailbox.New[int](3)
		var senders, receivers sync.WaitGroup
		var mu sync.Mutex
		sent, got := 0, 0
		for range 3 {
			senders.Go(func() {
				for b.Send(context.Background(), 1) == nil {
					mu.Lock()
					sent++
					mu.Unlock()
				}
			})
		}
		for range 2 {
			receivers.Go(func() {
				for range b.All(context.Background()) {
					mu.Lock()
					got++
					enough := got == 50
					mu.Unlock()
					if enough {
						b.Close()
					}
				}
			})
		}
		senders.Wait()
		receivers.Wait()
		if sent != got {
			t.Fatalf("%d were sent, %d received", sent, got)
		}
	}
}
