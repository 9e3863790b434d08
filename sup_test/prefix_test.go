package sup_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/espalier-go/espalier/sup"
	"github.com/espalier-go/espalier/sup/mailbox"
	"github.com/espalier-go/espalier/sup/proc"
)

// Whatever package of this module an error is from: in the text of another there
// is no prefix but the outermost, and what is the user's stays as it is.
func TestAnErrorHasOnePrefix(t *testing.T) {
	exit := &proc.ExitError{Exit: proc.Exit{Path: "sh", Code: 3}}
	for _, tt := range []struct {
		err  error
		want string
	}{
		{&sup.StartError{Path: "shop/web", Err: exit}, "sup: start of shop/web: sh: exit code 3"},
		{&sup.StartError{Path: "shop", Err: &sup.StartError{Path: "shop/web", Err: exit}}, "sup: start of shop/web: sh: exit code 3"},
		{&sup.CallError{Op: "restart", Path: "shop/web", Err: &sup.StartTimeoutError{After: 1, Err: exit}},
			"sup: restart shop/web: not ready within 1ns: sh: exit code 3"},
		{&sup.StuckError{Err: mailbox.ErrFull}, "sup: not stopped in time: the mailbox is full"},
		{&sup.StartError{Path: "shop/web", Err: fmt.Errorf("plugin: start of web: %w", exit)},
			"sup: start of shop/web: start of web: sh: exit code 3"}, // the text between is the user's
		{&sup.StartError{Path: "shop/web", Err: errors.New("web: proc: no such thing")}, "sup: start of shop/web: web: proc: no such thing"},
	} {
		if got := tt.err.Error(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}
