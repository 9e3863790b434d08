package mailbox_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/espalier-go/espalier/sup/mailbox"
	"github.com/espalier-go/espalier/sup/suptest"
)

func TestADeadLetterStaysUntilItsFunctionReturnsNil(t *testing.T) {
	for way, fail := range ways {
		t.Run(way, func(t *testing.T) {
			suptest.Run(t, func(t *testing.T) {
				var b mailbox.Mailbox[string]
				var j journal
				fill(t, &b, "a", "b")
				f := func(_ context.Context, m string) error {
					j.add(m)
					if m == "a" {
						return errBoom
					}
					return nil
				}
				attempts := 0
				policy := mailbox.Policy[string]{Deliveries: 2, DeadLetter: func(ctx context.Context, l mailbox.DeadLetter[string]) error {
					j.add("dead:", l.Message, fmt.Sprint(l.Deliveries))
					wantError(t, "the reason", l.Reason, errBoom)
					if attempts++; attempts < 4 {
						return fail(ctx)
					}
					return nil
				}}
				for range 5 {
					if process(&b, f, policy) == nil {
						t.Error("Process returned nil")
					}
				}
				j.expect(t, "a", "a", "dead: a 2", "dead: a 2", "dead: a 2")
				wantError(t, "Process", process(&b, f, policy), errBoom)
				j.expect(t, "dead: a 2", "b")
			})
		})
	}
}

func TestWithoutAFunctionADeadLetterIsLogged(t *testing.T) {
	var text bytes.Buffer
	old := slog.Default()
	defer slog.SetDefault(old)
	slog.SetDefault(slog.New(slog.NewTextHandler(&text, nil)))
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[int]
		fill(t, &b, 1, 2)
		f := func(_ context.Context, m int) error {
			if m == 1 {
				return errBoom
			}
			return nil
		}
		for range 2 {
			_ = process(&b, f, mailbox.Policy[int]{Deliveries: 1})
		}
		wantRest(t, &b)
	})
	want := `level=ERROR msg="message dropped" path="" deliveries=1 type=int reason=boom`
	if got := text.String(); strings.Count(got, "\n") != 1 || !strings.Contains(got, want) {
		t.Errorf("the log is %q, want one line with %q", got, want)
	}
}

// Deliveries are counted for the message, and not for its readers.
func TestEachProcessJudgesByItsOwnPolicy(t *testing.T) {
	suptest.Run(t, func(t *testing.T) {
		var b mailbox.Mailbox[string]
		var j journal
		fill(t, &b, "a")
		f := func(_ context.Context, m string) error { j.add(m); return errBoom }
		for _, most := range []int{9, 9, 2} {
			_ = process(&b, f, mailbox.Policy[string]{Deliveries: most, DeadLetter: func(_ context.Context, l mailbox.DeadLetter[string]) error {
				j.add("dead:", l.Message, fmt.Sprint(l.Deliveries))
				return nil
			}})
		}
		j.expect(t, "a", "a", "dead: a 2")
	})
}
