package poll

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/espalier-go/espalier/internal/termtext"
)

var errNil = errors.New("tree is nil")

const nameTaken = "name taken"

// A takenError is returned for a tree whose name another tree of the set has, or that is
// nested in another one.
type takenError struct {
	name  string
	other int // number of the other tree, from 1
}

func (e *takenError) Error() string {
	return fmt.Sprintf("the name %q is that of tree %d, or of a supervisor there: give each tree once, with a name of its own", e.name, e.other)
}

// A panicError is a panic of an inspector.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// reasonOf sums up an error as the value of a label. There are few of them,
// whatever the texts of errors are, so that an outage makes no number of series.
func reasonOf(err error) (reason string) {
	if err == nil {
		return ""
	}
	defer func() {
		if recover() != nil { // a method of the program's own error
			reason = "error"
		}
	}()
	if _, is := errors.AsType[*panicError](err); is {
		return "panic"
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return "timeout"
	}
	if errors.Is(err, context.Canceled) {
		return "canceled"
	}
	if errors.Is(err, errNil) {
		return "nil"
	}
	if _, is := errors.AsType[*net.DNSError](err); is {
		return "host not found"
	}
	if errno, is := errors.AsType[syscall.Errno](err); is {
		return errno.Error()
	}
	return "error"
}

// textOf returns the text of an error for a record. The method of the error may panic.
func textOf(err error) string { return termtext.Line(fmt.Sprintf("%v", err)) }

// Label returns a text as the value of a label. What is not to be printed, and bytes
// that are no UTF-8, are written as in a path, such as %FF: a page of metrics is looked
// at in terminals too.
func Label(text string) string { return termtext.Path(text) }
