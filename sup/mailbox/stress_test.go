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

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/mailbox"
	"github.com/espalier-go/espalier/sup/suptest"
)

// numbered is a message: the n-th of a sender.
type numbered struct{ sender, n int }

// A ledger is what has become of messages.
type ledger struct {
	mu        sync.Mutex
	delivered map[numbered]int
	failed    map[numbered]int // deliveries that count whatever the context says
	stopped   map[numbered]int // deliveries that do not count
	done      map[numbered]int
	last      map[int]int // by sender, the n of the last that was begun for the first time
	dead      map[numbered]int
	disorder  []string
}

func newLedger() *ledger {
	return &ledger{delivered: make(map[numbered]int), failed: make(map[numbered]int), stopped: make(map[numbered]int), done: make(map[numbered]int), last: make(map[int]int), dead: make(map[numbered]int)}
}

// begin notes a delivery. What is delivered for the first time follows on what was
// sent before it; what is delivered again was the last.
func (l *ledger) begin(m numbered) {
	l.mu.Lock()
	defer l.mu.Unlock()
	again := l.delivered[m] > 0
	l.delivered[m]++
	if last := l.last[m.sender]; again && last != m.n || !again && last != m.n-1 {
		l.disorder = append(l.disorder, fmt.Sprintf("%v after %d, again: %t", m, last, again))
	}
	l.last[m.sender] = m.n
}

func (l *ledger) note(in map[numbered]int, m numbered) {
	l.mu.Lock()
	defer l.mu.Unlock()
	in[m]++
}

// check finds that each message has failed most times at most, and that it is done,
// or dead after so many failures, once. An error that a worker returns as it is
// stopped may count or not.
func (l *ledger) check(t *testing.T, senders, each, most int) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for s := range senders {
		for n := 1; n <= each; n++ {
			m := numbered{s, n}
			if l.failed[m] > most || l.done[m]+l.dead[m] != 1 || l.dead[m] == 1 && l.delivered[m]-l.stopped[m] < most {
				t.Errorf("%v was delivered %d times, failed %d times or more, was interrupted %d times or more, done %d times, dead %d times",
					m, l.delivered[m], l.failed[m], l.stopped[m], l.done[m], l.dead[m])
			}
		}
	}
}

// misbehave fails, in one way or another, in one of three cases. It notes what is
// certain to count, and what is not.
func misbehave(ctx context.Context, failed, stopped func()) error {
	switch rand.IntN(15) {
	case 0:
		return errBoom
	case 1:
		failed()
		panic(errBoom)
	case 2:
		failed()
		runtime.Goexit()
	case 3, 4:
		<-ctx.Done() // until it is stopped
		stopped()
		return ctx.Err()
	}
	return nil
}

// Workers that fail and are stopped all the time lose nothing.
func TestNothingIsLostAndNothingDeliveredTooOften(t *testing.T) {
	for _, workers := range []int{1, 4} {
		t.Run(fmt.Sprint(workers, " workers"), func(t *testing.T) {
			suptest.Run(t, func(t *testing.T) { wearDown(t, workers) })
		})
	}
}

func wearDown(t *testing.T, workers int) {
	const senders, each, most = 4, 300, 4
	b, l := mailbox.New[numbered](7), newLedger()
	work := func(ctx context.Context, m numbered) error {
		l.begin(m)
		if err := misbehave(ctx, func() { l.note(l.failed, m) }, func() { l.note(l.stopped, m) }); err != nil {
			return err
		}
		l.note(l.done, m)
		return nil
	}
	bury := func(ctx context.Context, letter mailbox.DeadLetter[numbered]) error {
		if err := misbehave(ctx, func() {}, func() {}); err != nil {
			return err
		}
		if letter.Reason == nil || letter.Deliveries != most {
			t.Errorf("dead after %d deliveries: %v", letter.Deliveries, letter.Reason)
		}
		l.note(l.dead, letter.Message)
		return nil
	}
	s := suptest.Start(t, sup.Spec[*suptest.Worker]{Intensity: sup.Unlimited})
	for i := range workers {
		_, err := s.StartChild(t.Context(), sup.ChildSpec[*suptest.Worker]{ID: fmt.Sprint(i), Restart: sup.Transient,
			Start: func(context.Context) (*suptest.Worker, error) {
				return &suptest.Worker{OnRun: func(ctx context.Context) error {
					return b.Process(ctx, work, mailbox.Policy[numbered]{Deliveries: most, DeadLetter: bury})
				}}, nil
			}})
		wantError(t, "StartChild", err, nil)
	}
	var sending sync.WaitGroup
	for sender := range senders {
		sending.Go(func() {
			for n := 1; n <= each; n++ {
				wantError(t, "Send", b.Send(t.Context(), numbered{sender, n}), nil)
			}
		})
	}
	sent := make(chan struct{})
	go func() { sending.Wait(); b.Close(); close(sent) }()
	for !idle(s) || !isClosed(sent) {
		time.Sleep(time.Millisecond)
		id := fmt.Sprint(rand.IntN(workers))
		wantError(t, "Terminate", s.TerminateChild(t.Context(), id), nil)
		// A worker that had got done with its work has nothing to do now either.
		if err := s.RestartChild(t.Context(), id); err != nil && !errors.Is(err, sup.ErrRunning) {
			t.Errorf("Restart: %v", err)
		}
		synctest.Wait()
	}
	l.check(t, senders, each, most)
	if workers == 1 {
		for _, d := range l.disorder {
			t.Error("out of order:", d)
		}
	}
	if n := b.Len(); n != 0 {
		t.Errorf("%d messages are left", n)
	}
}

// idle reports whether all workers have returned nil: the mailbox is closed and
// empty.
func idle(s *sup.Supervisor[*suptest.Worker]) bool {
	for _, c := range s.Children() {
		if c.State != sup.StateStopped || c.LastExit.Kind != sup.ExitNormal {
			return false
		}
	}
	return true
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// On real threads, by all ways in and out at once.
func TestManySendersAndReceivers(t *testing.T) {
	const senders, each = 8, 500
	for _, capacity := range []int{1, 16, mailbox.Unbounded} {
		b := mailbox.New[numbered](capacity)
		var sending, receiving sync.WaitGroup
		for sender := range senders {
			sending.Go(func() {
				for n := 1; n <= each; n++ {
					m := numbered{sender, n}
					for n%2 == 0 && b.TrySend(m) != nil {
						runtime.Gosched()
					}
					if n%2 == 1 {
						wantError(t, "Send", b.Send(context.Background(), m), nil)
					}
				}
			})
		}
		got := make([][]numbered, 6)
		for i := range got {
			receiving.Go(func() { got[i] = drain(t, b, i) })
		}
		sending.Wait()
		b.Close()
		receiving.Wait()
		times := make(map[numbered]int)
		for i, messages := range got {
			last := make(map[int]int)
			for _, m := range messages {
				times[m]++
				if m.n < last[m.sender] {
					t.Errorf("receiver %d got %v after %d", i, m, last[m.sender])
				}
				last[m.sender] = m.n
			}
		}
		for sender := range senders {
			for n := 1; n <= each; n++ {
				if times[numbered{sender, n}] != 1 {
					t.Errorf("%v came %d times", numbered{sender, n}, times[numbered{sender, n}])
				}
			}
		}
	}
}

// drain receives, in one way or another, until the mailbox is closed and empty.
func drain(t *testing.T, b *mailbox.Mailbox[numbered], way int) (all []numbered) {
	switch way % 3 {
	case 0:
		for m := range b.All(context.Background()) {
			all = append(all, m)
		}
	case 1:
		for {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Microsecond)
			m, err := b.Receive(ctx)
			cancel()
			if errors.Is(err, mailbox.ErrClosed) {
				return all
			}
			if err == nil {
				all = append(all, m)
			}
		}
	case 2:
		wantError(t, "Process", b.Process(context.Background(), func(_ context.Context, m numbered) error {
			all = append(all, m)
			return nil
		}, mailbox.Policy[numbered]{}), nil)
	}
	return all
}
