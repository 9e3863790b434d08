package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/mailbox"
	"github.com/espalier-go/espalier/sup/suptest"
)

// double is a request for twice a number.
type double = mailbox.Call[int, int]

func TestAskReturnsWhatTheWorkerReplies(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[double]
		serve(t, sup.ChildSpec[*suptest.Worker]{}, func(ctx context.Context) error {
			return b.Process(ctx, func(_ context.Context, c double) error {
				switch {
				case c.Request == 13:
					c.Fail(errBoom)
				case c.Request == 0:
					c.Fail(nil)
				case !c.Reply(2 * c.Request):
					t.Error("Reply to somebody who waits: false")
				}
				if c.Reply(0) || c.Fail(nil) {
					t.Error("a second answer was taken")
				}
				return nil
			}, mailbox.Policy[double]{})
		})
		got, err := mailbox.Ask(t.Context(), &b, 21)
		if got != 42 || err != nil {
			t.Errorf("Ask: %d, %v", got, err)
		}
		if _, err = mailbox.Ask(t.Context(), &b, 13); err != errBoom {
			t.Errorf("Ask: %v, want the error as it is", err)
		}
		_, err = mailbox.Ask(t.Context(), &b, 0)
		wantError(t, "Ask", err, mailbox.ErrNoReply)
		if got, want := err.Error(), "ask: no reply: failure without a reason"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

func TestAskReturnsAtOnceWhenTheWorkerEndsWithTheRequest(t *testing.T) {
	for way, fail := range ways {
		t.Run(way, func(t *testing.T) {
			suptest.Run(t, func(t *testing.T) {
				var b mailbox.Mailbox[double]
				asked := 0
				s := serve(t, sup.ChildSpec[*suptest.Worker]{}, func(ctx context.Context) error {
					return b.Process(ctx, func(ctx context.Context, c double) error {
						asked++
						if c.Request == 1 {
							return fail(ctx)
						}
						c.Reply(2 * c.Request)
						return nil
					}, mailbox.Policy[double]{})
				})
				began := time.Now()
				if way == "stopped" {
					go func() {
						time.Sleep(time.Second)
						wantError(t, "Terminate", s.TerminateChild(t.Context(), "w"), nil)
						wantError(t, "Restart", s.RestartChild(t.Context(), "w"), nil)
					}()
					began = began.Add(time.Second)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				_, err := mailbox.Ask(ctx, &b, 1)
				want := map[string]error{"error": errBoom, "panic": sup.ErrPanic, "Goexit": sup.ErrGoexit, "stopped": sup.ErrShutdown}[way]
				wantError(t, "Ask", err, want)
				wantError(t, "Ask", err, mailbox.ErrNoReply)
				if e, ok := errors.AsType[*mailbox.NoReplyError](err); !ok || e.Path != "supervisor/w" {
					t.Errorf("%v does not name the worker", err)
				}
				if text := err.Error(); !strings.HasPrefix(text, "supervisor/w: ended without a reply: ") {
					t.Errorf("the text is %q", text)
				}
				if took := time.Since(began); took != 0 {
					t.Errorf("it took %v", took)
				}
				got, err := mailbox.Ask(ctx, &b, 2)
				if got != 4 || err != nil {
					t.Errorf("the next incarnation: %d, %v", got, err)
				}
				if asked != 2 {
					t.Errorf("%d requests were delivered, want 2", asked)
				}
			})
		})
	}
}

func TestARequestInTheMailboxIsForTheNextIncarnation(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[double]
		go func() {
			got, err := mailbox.Ask(t.Context(), &b, 1)
			if got != 2 || err != nil {
				t.Errorf("Ask: %d, %v", got, err)
			}
		}()
		time.Sleep(time.Hour)
		serve(t, sup.ChildSpec[*suptest.Worker]{}, func(ctx context.Context) error {
			return b.Process(ctx, func(_ context.Context, c double) error { c.Reply(2 * c.Request); return nil }, mailbox.Policy[double]{})
		})
		synctest.Wait()
	})
}

func TestAWorkerMayReplyLaterAsLongAsItLives(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[double]
		var mu sync.Mutex
		held := make(map[int]double)
		die := make(chan struct{})
		serve(t, sup.ChildSpec[*suptest.Worker]{}, func(ctx context.Context) error {
			err := sup.Go(ctx, func(ctx context.Context) error {
				return b.Process(ctx, func(_ context.Context, c double) error {
					mu.Lock()
					defer mu.Unlock()
					held[c.Request] = c
					return nil
				}, mailbox.Policy[double]{})
			})
			wantError(t, "Go", err, nil)
			<-die
			return errBoom
		})
		const n = 100
		var failed, replied int
		for i := range n {
			go func() {
				got, err := mailbox.Ask(t.Context(), &b, i)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case errors.Is(err, mailbox.ErrNoReply):
					failed++
				case err != nil, got != 2*i:
					t.Errorf("Ask: %d, %v", got, err)
				default:
					replied++
				}
			}()
		}
		synctest.Wait()
		for i := range n / 2 {
			held[i].Reply(2 * i)
		}
		synctest.Wait()
		if replied != n/2 || failed != 0 {
			t.Errorf("%d replied, %d failed", replied, failed)
		}
		close(die)
		synctest.Wait()
		if replied != n/2 || failed != n/2 {
			t.Errorf("when the worker has ended: %d replied, %d failed", replied, failed)
		}
		if held[n-1].Reply(0) {
			t.Error("a reply after the end was taken")
		}
	})
}

func TestAskEndsWithItsContext(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[double]
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		_, err := mailbox.Ask(ctx, &b, 1)
		wantError(t, "Ask", err, context.DeadlineExceeded)
		if got, want := err.Error(), "ask: context deadline exceeded"; got != want {
			t.Errorf("%q, want %q", got, want)
		}
		if took := time.Since(began); took != time.Minute {
			t.Errorf("it took %v", took)
		}
		if b.Len() != 0 {
			t.Errorf("Len %d: nobody waits for the reply any more", b.Len())
		}
		_, err = mailbox.Ask(ctx, &b, 1)
		wantError(t, "Ask, too late", err, context.DeadlineExceeded)
		wantRest(t, &b)
		b.Close()
		_, err = mailbox.Ask(t.Context(), &b, 1)
		wantError(t, "Ask of a closed one", err, mailbox.ErrClosed)
	})
}

// Abandoned requests take up no room, whatever messages are between them.
func TestRequestsThatWereGivenUpMakeRoom(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		type message struct {
			text string
			call mailbox.Call[string, string]
		}
		const capacity = 8
		b := mailbox.New[message](capacity)
		for round := range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			for i := range capacity - 1 {
				go func() {
					_, err := mailbox.AskAs(ctx, b, "", func(c mailbox.Call[string, string]) message { return message{"asked", c} })
					wantError(t, "AskAs", err, context.Canceled)
				}()
				synctest.Wait()
				if i == capacity/2 {
					fill(t, b, message{text: fmt.Sprint("sent ", round)})
				}
			}
			if b.Len() != capacity {
				t.Fatalf("Len %d, want %d", b.Len(), capacity)
			}
			go func() { wantError(t, "Send", b.Send(t.Context(), message{text: "waited"}), nil) }()
			synctest.Wait()
			cancel()
			synctest.Wait()
			var texts []string
			for _, m := range rest(b) {
				texts = append(texts, m.text)
			}
			if diff := cmp.Diff([]string{fmt.Sprint("sent ", round), "waited"}, texts); diff != "" {
				t.Errorf("left (-want +got):\n%s", diff)
			}
			if b.Len() != 0 {
				t.Errorf("Len %d, want 0", b.Len())
			}
		}
	})
}

func TestRequestsThatWereGivenUpDoNotPileUp(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		b := mailbox.New[double](mailbox.Unbounded)
		fill(t, b, double{Request: 1}, double{Request: 2})
		for range 100 {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			_, err := mailbox.Ask(ctx, b, 0)
			wantError(t, "Ask", err, context.DeadlineExceeded)
			cancel()
			if n := mailbox.Slots(b); n > 4 {
				t.Fatalf("%d slots are taken, for 2 messages", n)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := mailbox.Ask(ctx, b, 9)
		wantError(t, "Ask", err, context.DeadlineExceeded)
		if mailbox.Slots(b) == 2 {
			t.Error("what was given up last is swept: this shows nothing")
		}
		for i := 1; i <= 2; i++ {
			if c, err := b.TryReceive(); c.Request != i || err != nil {
				t.Errorf("got %d, %v; want %d", c.Request, err, i)
			}
		}
		c, err := b.TryReceive()
		wantError(t, "TryReceive", err, mailbox.ErrEmpty)
		if c.Request != 0 {
			t.Errorf("with the error came %d", c.Request)
		}
	})
}

// The function that wraps a call may answer it.
func TestARequestThatIsAnsweredBeforeItIsReceivedMakesRoom(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		b := mailbox.New[double](1)
		var call double
		go func() {
			got, err := mailbox.AskAs(t.Context(), b, 1, func(c double) double { call = c; return c })
			if got != 2 || err != nil {
				t.Errorf("AskAs: %d, %v", got, err)
			}
		}()
		synctest.Wait()
		go func() { wantError(t, "Send", b.Send(t.Context(), double{Request: 3}), nil) }()
		synctest.Wait()
		if !call.Reply(2) {
			t.Error("Reply: false")
		}
		synctest.Wait()
		if c, err := b.TryReceive(); c.Request != 3 || err != nil {
			t.Errorf("got %d, %v; want 3", c.Request, err)
		}
	})
}

func TestAWorkerSeesThatNobodyWaitsAnyMore(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[double]
		type key struct{}
		left := false
		serve(t, sup.ChildSpec[*suptest.Worker]{}, func(ctx context.Context) error {
			return b.Process(ctx, func(ctx context.Context, c double) error {
				if c.Context().Value(key{}) != "of the asker" {
					t.Error("the context of the call is not the asker's")
				}
				<-c.Context().Done()
				time.Sleep(time.Second) // at the same instant, either might be first
				left = !c.Reply(1)
				return nil
			}, mailbox.Policy[double]{})
		})
		ctx, cancel := context.WithTimeout(context.WithValue(t.Context(), key{}, "of the asker"), time.Second)
		defer cancel()
		_, err := mailbox.Ask(ctx, &b, 1)
		wantError(t, "Ask", err, context.DeadlineExceeded)
		time.Sleep(time.Minute)
		synctest.Wait()
		if !left {
			t.Error("the reply was taken")
		}
	})
}

func TestACallThatNobodyAskedTakesNoAnswer(t *testing.T) {
	var b mailbox.Mailbox[double]
	fill(t, &b, double{Request: 1})
	c, err := b.TryReceive()
	if err != nil || c.Reply(1) || c.Fail(errBoom) || c.Context() == nil {
		t.Errorf("%v, Context %v", err, c.Context())
	}
}

func TestTheAskerOfAnAbandonedWorkerIsToldWhenThatIsReplaced(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[double]
		release := make(chan struct{})
		s := serve(t, sup.ChildSpec[*suptest.Worker]{Stuck: sup.StuckAbandon, Shutdown: time.Second}, func(ctx context.Context) error {
			return b.Process(ctx, func(ctx context.Context, c double) error {
				if sup.Incarnation(ctx) > 1 {
					t.Errorf("the request %d was delivered again", c.Request)
				}
				if c.Request == 2 {
					<-release
				}
				return nil
			}, mailbox.Policy[double]{})
		})
		told := make(chan error, 2)
		for i := range 2 { // the first is not answered, the second is hung on
			go func() {
				_, err := mailbox.Ask(t.Context(), &b, i+1)
				told <- err
			}()
			synctest.Wait()
		}
		wantError(t, "Terminate", s.TerminateChild(t.Context(), "w"), sup.ErrStuck)
		if len(told) > 0 {
			t.Error("told too early: the worker might still reply")
		}
		wantError(t, "Restart", s.RestartChild(t.Context(), "w"), nil)
		synctest.Wait()
		for range 2 {
			wantError(t, "Ask", <-told, mailbox.ErrNoReply)
		}
		close(release)
	})
}
