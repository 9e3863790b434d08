package mailbox_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/mailbox"
	"github.com/espalier-go/espalier/sup/suptest"
)

// ways are those in which the function of Process can fail.
var ways = map[string]func(ctx context.Context) error{
	"error":   func(context.Context) error { return errBoom },
	"panic":   func(context.Context) error { panic(errBoom) },
	"Goexit":  func(context.Context) error { runtime.Goexit(); return nil },
	"stopped": func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) },
}

// reasonOf describes how a function ended.
func reasonOf(way string) error {
	return map[string]error{"error": errBoom, "panic": sup.ErrPanic, "Goexit": sup.ErrGoexit}[way]
}

// process runs Process in a goroutine of its own, whatever it does to that, and
// returns what it ended with. Where it waits for its context, that ends.
func process[M any](b *mailbox.Mailbox[M], f func(context.Context, M) error, policy mailbox.Policy[M]) (err error) {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	done := make(chan struct{})
	go func() {
		err = errors.New("Goexit")
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				err = fmt.Errorf("panic: %v", v)
			}
		}()
		err = b.Process(ctx, f, policy)
	}()
	synctest.Wait()
	cancel(errBoom)
	<-done
	return err
}

func TestAMessageIsDoneWhenTheFunctionReturnsNil(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[string]
		var j journal
		fill(t, &b, "a", "b")
		err := process(&b, func(_ context.Context, m string) error {
			j.add(m, fmt.Sprint(b.Len()))
			return nil
		}, mailbox.Policy[string]{})
		wantError(t, "Process", err, errBoom)
		j.expect(t, "a 1", "b 0")
		wantRest(t, &b)
	})
}

func TestProcessReturnsNilWhenTheMailboxIsClosedAndEmpty(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[string]
		fill(t, &b, "a")
		var other mailbox.Mailbox[string]
		other.Close()
		f := func(context.Context, string) error { return other.TrySend("x") }
		wantError(t, "Process, another mailbox being closed", process(&b, f, mailbox.Policy[string]{}), mailbox.ErrClosed)
		b.Close()
		var j journal
		wantError(t, "Process", process(&b, func(_ context.Context, m string) error { j.add(m); return nil },
			mailbox.Policy[string]{}), nil)
		j.expect(t, "a")
	})
}

func TestProcessEndsAsItsFunctionDoesAndTheMessageGoesBackToItsPlace(t *testing.T) {
	for way, fail := range ways {
		t.Run(way, func(t *testing.T) {
			suptest.Run(t, func(t *testing.T) {
				b := mailbox.New[string](2)
				fill(t, b, "a", "b")
				err := process(b, func(ctx context.Context, m string) error {
					if b.Len() == 1 {
						fill(t, b, "c") // the place of a is taken
					}
					return fail(ctx)
				}, mailbox.Policy[string]{})
				want := map[string]string{"error": "boom", "panic": "panic: boom", "Goexit": "Goexit", "stopped": "boom"}[way]
				if err == nil || err.Error() != want {
					t.Errorf("Process: %v, want %s", err, want)
				}
				if b.Len() != 3 {
					t.Errorf("Len %d, want 3", b.Len())
				}
				wantError(t, "TrySend", b.TrySend("d"), mailbox.ErrFull)
				wantRest(t, b, "a", "b", "c")
			})
		})
	}
}

func TestAMessageIsDeliveredSoManyTimesAndThenADeadLetter(t *testing.T) {
	for way, fail := range ways {
		if way == "stopped" {
			continue // see TestAnInterruptedMessageIsNoDeadLetter
		}
		for _, most := range []int{0, 1, 5} {
			t.Run(fmt.Sprintf("%s, %d", way, most), func(t *testing.T) {
				suptest.Run(t, func(t *testing.T) {
					var b mailbox.Mailbox[string]
					var j journal
					fill(t, &b, "a", "b")
					f := func(ctx context.Context, m string) error {
						j.add(m)
						if m == "a" {
							return fail(ctx)
						}
						return nil
					}
					policy := mailbox.Policy[string]{Deliveries: most, DeadLetter: func(_ context.Context, l mailbox.DeadLetter[string]) error {
						j.add("dead:", l.Message, fmt.Sprint(l.Deliveries))
						wantError(t, "the reason", l.Reason, reasonOf(way))
						return nil
					}}
					n := most
					if n == 0 {
						n = mailbox.DefaultDeliveries
					}
					var want []string
					for range n {
						if process(&b, f, policy) == nil {
							t.Error("Process returned nil")
						}
						want = append(want, "a")
					}
					j.expect(t, want...)
					wantError(t, "the Process that comes to b", process(&b, f, policy), errBoom)
					j.expect(t, fmt.Sprintf("dead: a %d", n), "b")
					wantRest(t, &b)
				})
			})
		}
	}
}

func TestAPanicOfTheFunctionKeepsItsStack(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[string]
		fill(t, &b, "a")
		events := new(suptest.Recorder)
		stacks := make(chan string, 2)
		suptest.Start(t, sup.Spec[*suptest.Worker]{
			Observers: []sup.Observer{events, sup.ObserverFunc(func(e sup.Event) {
				if p, ok := errors.AsType[*sup.PanicError](e.Exit.Err); ok && e.Kind == sup.ChildExited {
					stacks <- p.Stack
				}
			})},
			Children: []sup.ChildSpec[*suptest.Worker]{{ID: "w", Start: func(context.Context) (*suptest.Worker, error) {
				return &suptest.Worker{OnRun: func(ctx context.Context) error {
					return b.Process(ctx, fatal, mailbox.Policy[string]{Deliveries: 1,
						DeadLetter: func(_ context.Context, l mailbox.DeadLetter[string]) error {
							if p, ok := errors.AsType[*sup.PanicError](l.Reason); ok {
								stacks <- p.Stack
							}
							return nil
						}})
				}}, nil
			}}},
		})
		events.Expect(t, "child ready w #2")
		for _, of := range []string{"the exit", "the dead letter"} {
			if stack := <-stacks; !strings.Contains(stack, "mailbox_test.fatal(") {
				t.Errorf("the stack of %s does not show the function:\n%s", of, stack)
			}
		}
	})
}

//go:noinline
func fatal(context.Context, string) error { panic("on purpose") }

func TestProcessSaysAllThatIsWrongWithItsArguments(t *testing.T) {
	var b mailbox.Mailbox[int]
	fill(t, &b, 1)
	err := b.Process(t.Context(), nil, mailbox.Policy[int]{Deliveries: -1, Beat: -time.Second})
	wantError(t, "Process", err, mailbox.ErrArguments)
	want := "process: invalid arguments: f is nil: use a function that processes a message; " +
		"Deliveries is -1: use 1 or more, or 0 for the default, 3; Beat is -1s: use a positive duration, or 0 for no beats"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	wantRest(t, &b, 1)
}

func TestWhatComesBackToAClosedMailboxIsStillReceived(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[string]
		fill(t, &b, "a")
		b.Close()
		f := func(context.Context, string) error { return errBoom }
		wantError(t, "Process", process(&b, f, mailbox.Policy[string]{}), errBoom)
		wantRest(t, &b, "a")
		_, err := b.TryReceive()
		wantError(t, "TryReceive", err, mailbox.ErrClosed)
	})
}

func TestWhatComesBackGoesToAReceiverThatWaits(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[string]
		fill(t, &b, "a")
		received := make(chan string)
		f := func(ctx context.Context, _ string) error {
			go func() {
				m, _ := b.Receive(t.Context())
				received <- m
			}()
			<-ctx.Done()
			return errBoom
		}
		wantError(t, "Process", process(&b, f, mailbox.Policy[string]{}), errBoom)
		if m := <-received; m != "a" {
			t.Errorf("received %q", m)
		}
	})
}
