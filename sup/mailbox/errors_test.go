package mailbox_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/espalier-go/espalier/sup/mailbox"
)

func TestAskSaysAllThatIsWrongWithItsArguments(t *testing.T) {
	const begin = "ask: invalid arguments: "
	const noMailbox, noWrap = "the mailbox is nil: use the mailbox of a worker",
		"wrap is nil: use a function that makes a message of the call, or use Ask"
	var b mailbox.Mailbox[double]
	wrap := func(c double) double { t.Error("called"); return c }
	_, asked := mailbox.Ask[int, int](t.Context(), nil, 1)
	as := func(ctx context.Context, b *mailbox.Mailbox[double], wrap func(double) double) error {
		_, err := mailbox.AskAs(ctx, b, 1, wrap)
		return err
	}
	for want, err := range map[string]error{
		noMailbox:                 asked,
		noWrap:                    as(t.Context(), &b, nil),
		noMailbox + "; " + noWrap: as(endedContext(errBoom), nil, nil),
	} {
		wantError(t, want, err, mailbox.ErrArguments)
		if diff := cmp.Diff(begin+want, err.Error()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	wantError(t, "AskAs without a mailbox", as(t.Context(), nil, wrap), mailbox.ErrArguments)
	wantRest(t, &b)
}

func TestTheTextOfANoReplyErrorSaysWhatIsKnown(t *testing.T) {
	for want, err := range map[string]*mailbox.NoReplyError{
		"worker ended without a reply":           {},
		"worker ended without a reply: boom":     {Err: errBoom},
		"shop/till: ended without a reply":       {Path: "shop/till"},
		"shop/till: ended without a reply: boom": {Path: "shop/till", Err: errBoom},
	} {
		if diff := cmp.Diff(want, err.Error()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		wantError(t, want, err, mailbox.ErrNoReply)
		if errors.Is(err, errBoom) != (err.Err != nil) {
			t.Errorf("%q wraps %v", want, err.Unwrap())
		}
		for _, wrapped := range err.Unwrap() {
			if wrapped == nil {
				t.Errorf("%q wraps nil", want)
			}
		}
	}
}
