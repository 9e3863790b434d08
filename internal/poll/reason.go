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

var errNil = errors.New("nil tree")

const nameTaken = "name taken"

// A nameTakenError is returned for a tree if another tree of the set has its name, or
// contains it, or is nested in it.
type nameTakenError struct {
	name  string
	other int // number of the other tree, from 1
}

func (e *nameTakenError) Error() string {
	return fmt.Sprintf("name %q belongs to tree %d or a supervisor in it (pass each tree once, with a name of its own)", e.name, e.other)
}

// A panicError is a panic of an inspector.
type panicError struct{ value any }

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// reasonOf summarizes an error as the value of a label. There are few different
// reasons, so that an outage does not create many series.
func reasonOf(err error) (reason string) {
	if err == nil {
		return ""
	}
	defer func() {
		if recover() != nil { // panic in a method of the program's error
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

// textOf returns the text of an error for a record. Sprint survives an Error method
// that panics.
func textOf(err error) string { return termtext.Line(fmt.Sprint(err)) }
