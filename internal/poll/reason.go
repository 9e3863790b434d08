package poll

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"unicode/utf8"
)

var errNil = errors.New("tree is nil")

// A takenError is returned for a tree whose name another tree of the set has.
type takenError struct {
	name  string
	other int // number of the other tree, from 1
}

func (e *takenError) Error() string {
	return fmt.Sprintf("the name %q is taken by tree %d: give each tree a name of its own", e.name, e.other)
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
	if _, is := errors.AsType[*takenError](err); is {
		return "name taken"
	}
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

// textOf is the text of an error, whose method may panic.
func textOf(err error) string { return fmt.Sprintf("%v", err) }

// Label returns a text as the value of a label, which is valid UTF-8: other bytes are
// written as in a path, such as %FF.
func Label(text string) string {
	if utf8.ValidString(text) {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		if r == utf8.RuneError && size == 1 {
			fmt.Fprintf(&b, "%%%02X", text[0])
		} else {
			b.WriteString(text[:size])
		}
		text = text[size:]
	}
	return b.String()
}
