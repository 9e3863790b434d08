package mailbox

import (
	"errors"

	"github.com/espalier-go/espalier/internal/prefix"
)

// What a mailbox answers, to be tested for with errors.Is.
var (
	// ErrFull: TrySend found no room.
	ErrFull = errors.New("mailbox: the mailbox is full")
	// ErrEmpty: TryReceive found no message.
	ErrEmpty = errors.New("mailbox: the mailbox is empty")
	// ErrClosed: the mailbox was closed, and, for those who receive, is empty.
	ErrClosed = errors.New("mailbox: the mailbox is closed")
	// ErrNoReply: see [NoReplyError]; or the worker gave [Call.Fail] no error.
	ErrNoReply = errors.New("no reply")
	// ErrArguments: Process, Ask or AskAs cannot work with what it was given; the text
	// says why, and what to give instead. Nothing was done.
	ErrArguments = errors.New("the arguments have faults")
)

// A NoReplyError tells an asker that the worker which held its request has ended
// without a reply. Nobody else will get the request. It wraps [ErrNoReply]
// and the cause.
type NoReplyError struct {
	// Path is that of the worker, or "" if it was not supervised.
	Path string
	// Err is what the worker ended with: the error that it returned, a
	// [sup.PanicError], [sup.ErrGoexit], or the cause of its context. It is nil only
	// in one that is made by hand.
	Err error
}

func (e *NoReplyError) Error() string {
	who := "the worker"
	if e.Path != "" {
		who = e.Path
	}
	text := "mailbox: " + who + " ended without a reply"
	if e.Err == nil {
		return text
	}
	return text + ": " + prefix.Cut(e.Err)
}

// Unwrap returns ErrNoReply and the cause.
func (e *NoReplyError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrNoReply}
	}
	return []error{ErrNoReply, e.Err}
}

// withoutPrefix is an error without the prefix of its package, as one stands
// before it already.
type withoutPrefix struct{ error }

func (e withoutPrefix) Error() string { return prefix.Cut(e.error) }
func (e withoutPrefix) Unwrap() error { return e.error }
