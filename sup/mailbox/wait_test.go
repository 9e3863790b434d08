package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
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
		if got, want := err.Error(), "receive: context deadline exceeded"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// waiting begins a call in another goroutine and returns when it waits. What that
// leaves to do ends with done.
func waiting[M any](b *mailbox.Mailbox[M], call func(ctx context.Context)) (cancel func(), done chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	done = make(chan struct{})
	n := mailbox.Waiting(b)
	go func() {
		defer close(done)
		call(ctx)
	}()
	for mailbox.Waiting(b) == n {
		runtime.Gosched()
	}
	return cancel, done
}

// In most rounds the receiver is handed the message when it has just been told
// that its context has ended, and has not left its line yet.
func TestAMessageForAReceiverThatLeavesIsReceivedOrStays(t *testing.T) {
	var b mailbox.Mailbox[int]
	for round := range 1000 {
		var got int
		var received error
		cancel, done := waiting(&b, func(ctx context.Context) { got, received = b.Receive(ctx) })
		cancel()
		fill(t, &b, round)
		<-done
		left := rest(&b)
		if received == nil && (got != round || len(left) > 0) || received != nil && (len(left) != 1 || left[0] != round) {
			t.Fatalf("round %d: received %d, %v; left %v", round, got, received, left)
		}
	}
}

func TestAMessageOfASenderThatLeavesIsSentOrNot(t *testing.T) {
	b := mailbox.New[int](1)
	for round := range 1000 {
		fill(t, b, -1)
		var sent error
		cancel, done := waiting(b, func(ctx context.Context) { sent = b.Send(ctx, round) })
		cancel()
		_, err := b.TryReceive()
		wantError(t, "TryReceive", err, nil)
		<-done
		left := rest(b)
		if sent == nil && (len(left) != 1 || left[0] != round) || sent != nil && len(left) > 0 {
			t.Fatalf("round %d: sent: %v; left %v", round, sent, left)
		}
	}
}

// ending is a context that ends right after a caller has found it not ended.
type ending struct {
	context.Context
	found atomic.Bool
}

func (e *ending) Err() error {
	if !e.found.Swap(true) {
		return nil
	}
	return context.Canceled
}

func (e *ending) Done() <-chan struct{} { return endedContext(nil).Done() }

func TestAWorkerThatIsToldToStopLeavesTheMessageThatComesInItsPlace(t *testing.T) {
	var b mailbox.Mailbox[int]
	for round := range 1000 {
		done := 0
		var processed error
		cancel, returned := waiting(&b, func(ctx context.Context) {
			processed = b.Process(ctx, func(context.Context, int) error { done++; return nil }, mailbox.Policy[int]{})
		})
		cancel()
		fill(t, &b, round, -round)
		<-returned
		wantError(t, "Process", processed, context.Canceled)
		if left := rest(&b); done+len(left) != 2 || done == 0 && left[0] != round {
			t.Fatalf("round %d: %d done; left %v", round, done, left)
		}
	}
}

func TestARequestThatComesWhenAWorkerIsToldToStopIsGoneOnceItIsGivenUp(t *testing.T) {
	var b mailbox.Mailbox[double]
	for round := range 1000 {
		held := false
		leave, done := waiting(&b, func(ctx context.Context) {
			err := b.Process(ctx, func(context.Context, double) error { held = true; return nil }, mailbox.Policy[double]{})
			wantError(t, "Process", err, context.Canceled)
		})
		ctx, giveUp := context.WithCancel(context.Background())
		if round%2 == 0 {
			ctx = &ending{Context: ctx} // given up before the worker has left
		}
		told := make(chan error, 1)
		go func() {
			leave()
			_, err := mailbox.Ask(ctx, &b, round)
			told <- err
		}()
		<-done
		for round%2 == 1 && !held && b.Len() == 0 {
			runtime.Gosched() // until it is back
		}
		giveUp()
		if err := <-told; !errors.Is(err, context.Canceled) && !(held && errors.Is(err, mailbox.ErrNoReply)) {
			t.Fatalf("round %d, held %t: %v", round, held, err)
		}
		if n := b.Len(); n != 0 {
			t.Fatalf("round %d: Len %d", round, n)
		}
		wantRest(t, &b)
	}
}

// A Send that returned nil before or while the mailbox was closed has sent its
// message, and a receiver that goes on until ErrClosed gets it.
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
