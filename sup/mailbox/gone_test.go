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

// A gate is a context for a reader that joins the line and goes on only when the
// test says so: Done, which the reader calls on the way, waits at the gate. So a
// reader that was handed a message notices it no earlier than that, however the
// machine schedules.
type gate struct {
	context.Context
	token chan struct{}
}

func newGate(ctx context.Context) *gate { return &gate{ctx, make(chan struct{})} }

func (g *gate) Done() <-chan struct{} {
	<-g.token
	return g.Context.Done()
}

// pass lets the reader through once; it waits for the reader to come to the gate.
func (g *gate) pass() { g.token <- struct{}{} }

// open lets the reader through from now on.
func (g *gate) open() { close(g.token) }

// await waits until n calls wait in the lines of a mailbox.
func await[M any](b *mailbox.Mailbox[M], n int) {
	for mailbox.Waiting(b) != n {
		runtime.Gosched()
	}
}

// askAndGo asks a reader that stands at its gate, and gives up.
func askAndGo(t *testing.T, b *mailbox.Mailbox[double], request int) {
	t.Helper()
	_, err := mailbox.Ask(&ending{Context: context.Background()}, b, request)
	wantError(t, "Ask", err, context.Canceled)
}

func TestARequestIsNotDeliveredOnceAskHasReturned(t *testing.T) {
	for way, read := range map[string]func(ctx context.Context, b *mailbox.Mailbox[double], f func(double)){
		"Process": func(ctx context.Context, b *mailbox.Mailbox[double], f func(double)) {
			_ = b.Process(ctx, func(_ context.Context, c double) error { f(c); return nil },
				mailbox.Policy[double]{Beat: time.Hour})
		},
		"All": func(ctx context.Context, b *mailbox.Mailbox[double], f func(double)) {
			for c := range b.All(ctx) {
				f(c)
			}
		},
	} {
		t.Run(way, func(t *testing.T) {
			const rounds = 1000
			var b mailbox.Mailbox[double]
			ctx, cancel := context.WithCancel(t.Context())
			gates := []*gate{newGate(ctx), newGate(ctx)}
			var late atomic.Int32
			var readers sync.WaitGroup
			for _, g := range gates {
				readers.Go(func() {
					read(g, &b, func(c double) {
						if c.Request < 0 {
							late.Add(1)
						}
						c.Reply(2 * c.Request)
					})
				})
			}
			answered := 0
			for i := range rounds {
				await(&b, 2)
				askAndGo(t, &b, -1) // handed to one reader
				answer := make(chan bool)
				go func() {
					got, err := mailbox.Ask(t.Context(), &b, i)
					answer <- got == 2*i && err == nil
				}()
				await(&b, 0) // this one is handed to the other
				for _, g := range gates {
					g.pass()
				}
				if <-answer {
					answered++
				}
			}
			cancel()
			for _, g := range gates {
				g.open()
			}
			readers.Wait()
			if n := late.Load(); n > 0 || answered != rounds {
				t.Errorf("%d of %d were delivered though their askers had gone; %d of %d were answered", n, rounds, answered, rounds)
			}
		})
	}
}

// A looked is a context that calls look when a value is read from it, as [sup.Beat] does.
type looked struct {
	context.Context
	look func()
}

func (l *looked) Value(key any) any {
	l.look()
	return l.Context.Value(key)
}

func TestARequestThatIsGivenUpAsAWorkerBeatsIsNotDelivered(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[double]
		var j journal
		asker, giveUp := context.WithCancel(t.Context())
		told := make(chan struct{})
		atBeat := func() {}
		go func() {
			ctx := &looked{t.Context(), func() { atBeat() }}
			_ = b.Process(ctx, func(_ context.Context, c double) error {
				j.add(fmt.Sprint("delivered: ", c.Request))
				return nil
			}, mailbox.Policy[double]{Beat: time.Hour})
		}()
		synctest.Wait()
		atBeat = func() {
			giveUp()
			<-told
			atBeat = func() {}
		}
		_, err := mailbox.Ask(asker, &b, 1)
		wantError(t, "Ask", err, context.Canceled)
		close(told)
		fill(t, &b, double{Request: 2})
		j.expect(t, "delivered: 2")
	})
}

// On real threads an asker goes at any moment: while its request is in the mailbox,
// on the way to a reader, or with one. Those who stay are answered.
func TestAskersThatComeAndGoLeaveNothing(t *testing.T) {
	var b mailbox.Mailbox[double]
	ctx, cancel := context.WithCancel(t.Context())
	var readers, askers sync.WaitGroup
	const asks = 3000
	var delivered [asks + 1]atomic.Int32
	for range 2 {
		readers.Go(func() {
			err := b.Process(ctx, func(_ context.Context, c double) error {
				delivered[c.Request].Add(1)
				c.Reply(2 * c.Request)
				return nil
			}, mailbox.Policy[double]{})
			wantError(t, "Process", err, context.Canceled)
		})
	}
	for asker := range 3 {
		askers.Go(func() {
			for i := asker; i < asks; i += 3 {
				ctx, giveUp := context.WithCancel(t.Context())
				go giveUp()
				got, err := mailbox.Ask(ctx, &b, i)
				if err == nil && got != 2*i || err != nil && !errors.Is(err, context.Canceled) {
					t.Errorf("Ask: %d, %v", got, err)
				}
				if n := delivered[i].Load(); err == nil && n != 1 {
					t.Errorf("%d was answered, and delivered %d times", i, n)
				}
			}
		})
	}
	askers.Wait()
	if n := b.Len(); n != 0 {
		t.Errorf("Len %d", n)
	}
	got, err := mailbox.Ask(t.Context(), &b, asks)
	if got != 2*asks || err != nil {
		t.Errorf("Ask: %d, %v", got, err)
	}
	cancel()
	readers.Wait()
	for i := range delivered {
		if n := delivered[i].Load(); n > 1 {
			t.Errorf("%d was delivered %d times", i, n)
		}
	}
}

func TestThoseWhoWaitKeepTheirPlacesWhenARequestIsGivenUp(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[double]
		var j journal
		gates := make([]*gate, 4)
		for i := range gates {
			gates[i] = newGate(t.Context())
			go func() {
				c, err := b.Receive(gates[i])
				j.add(fmt.Sprintf("receiver %d: %d %v", i, c.Request, err))
			}()
			synctest.Wait()
		}
		for range 2 { // for the receivers 0 and 1
			askAndGo(t, &b, 99)
		}
		for _, g := range gates {
			g.open()
		}
		synctest.Wait()
		for i := range 4 {
			fill(t, &b, double{Request: 10 + i})
			j.expect(t, fmt.Sprintf("receiver %d: %d <nil>", i, 10+i))
		}
	})
}

func TestWhoIsHandedARequestThatWasGivenUpGoesOnAsIfItHadNotBeen(t *testing.T) {
	for name, then := range map[string]struct {
		do   func(t *testing.T, b *mailbox.Mailbox[double])
		want string
	}{
		"another comes": {func(t *testing.T, b *mailbox.Mailbox[double]) { fill(t, b, double{Request: 1}) }, "1 <nil>"},
		"it is closed":  {func(t *testing.T, b *mailbox.Mailbox[double]) { b.Close() }, "0 mailbox closed"},
	} {
		t.Run(name, func(t *testing.T) {
			suptest.Run(t, func(t *testing.T) {
				var b mailbox.Mailbox[double]
				var j journal
				g := newGate(t.Context())
				go func() {
					c, err := b.Receive(g)
					j.add(fmt.Sprint(c.Request, " ", err))
				}()
				synctest.Wait()
				askAndGo(t, &b, 99)
				then.do(t, &b) // before the receiver has noticed
				g.open()
				j.expect(t, then.want)
				wantRest(t, &b)
			})
		})
	}
}

// A request that a stopped worker has returned to the mailbox can be answered outside of
// Process.
func TestARequestThatHasComeBackAndWasAnsweredIsNotDelivered(t *testing.T) {
	var b mailbox.Mailbox[double]
	cameBack := 0
	for range 100 {
		var g *gate
		gated := make(chan struct{})
		leave, done := waiting(&b, func(ctx context.Context) {
			g = newGate(ctx)
			close(gated)
			err := b.Process(g, func(_ context.Context, c double) error { c.Reply(0); return nil }, mailbox.Policy[double]{})
			wantError(t, "Process", err, context.Canceled)
		})
		<-gated
		var call double
		told := make(chan error)
		go func() {
			_, err := mailbox.AskAs(context.Background(), &b, 1, func(c double) double { call = c; return c })
			told <- err
		}()
		await(&b, 0) // until the worker has been handed the request
		leave()
		g.open() // it finds both at once, and goes by one of them
		<-done
		if b.Len() == 1 {
			cameBack++
			call.Reply(0)
		}
		wantError(t, "AskAs", <-told, nil)
		wantRest(t, &b)
	}
	if cameBack == 0 {
		t.Error("none has come back: this shows nothing")
	}
}

func TestTheMemoryOfRequestsThatWereGivenUpIsGivenBack(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		const asks, kept = 5000, 1024
		b := mailbox.New[double](mailbox.Unbounded)
		fill(t, b, double{Request: 7})
		ctx, giveUp := context.WithCancel(t.Context())
		for range asks {
			go func() {
				_, err := mailbox.Ask(ctx, b, 0)
				wantError(t, "Ask", err, context.Canceled)
			}()
		}
		synctest.Wait()
		if b.Len() != 1+asks {
			t.Fatalf("Len %d", b.Len())
		}
		giveUp()
		synctest.Wait()
		if room := mailbox.Room(b); b.Len() != 1 || room > kept {
			t.Errorf("there is memory for %d, with %d in it", room, b.Len())
		}
		if c, err := b.TryReceive(); c.Request != 7 || err != nil {
			t.Errorf("got %d, %v", c.Request, err)
		}
	})
}
