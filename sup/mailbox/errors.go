package mailbox

import "errors"

// Errors of mailboxes, for errors.Is.
var (
	// ErrFull is returned by TrySend if there is no room.
	ErrFull = errors.New("mailbox full")
	// ErrEmpty is returned by TryReceive if there is no message.
	ErrEmpty = errors.New("mailbox empty")
	// ErrClosed is returned when the mailbox was closed. A receiver gets it when the
	// mailbox is empty too.
	ErrClosed = errors.New("mailbox closed")
	// ErrNoReply is returned when a worker has ended without a reply, or called
	// [Call.Fail] with a nil error. See [NoReplyError].
	ErrNoReply = errors.New("no reply")
	// ErrArguments is returned when Process, Ask or AskAs has invalid arguments. The
	// text says what to give instead. The call has had no effect.
	ErrArguments = errors.New("invalid arguments")
)

// A NoReplyError is returned to an asker when the worker that took the request has
// ended without a reply. No other worker gets the request. It wraps [ErrNoReply] and
// Err.
type NoReplyError struct {
	// Path is the path of the worker, or "" if the worker was not supervised.
	Path string
	// Err is the error that the worker returned, a [sup.PanicError], [sup.ErrGoexit],
	// or the cause of the worker's context. Package mailbox always sets it.
	Err error
}

// Error returns the path of the worker and Err.
func (e *NoReplyError) Error() string {
	text := "worker ended without a reply"
	if e.Path != "" {
		text = e.Path + ": ended without a reply"
	}
	if e.Err == nil {
		return text
	}
	return text + ": " + e.Err.Error()
}

// Unwrap returns ErrNoReply and the cause.
func (e *NoReplyError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrNoReply}
	}
	return []error{ErrNoReply, e.Err}
}
