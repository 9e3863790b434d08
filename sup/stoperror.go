package sup

// A StopError is the cause of the context of an incarnation that was asked to stop.
//
// It wraps [ErrShutdown] and Err.
type StopError struct {
	Reason StopReason
	Path   string // with ReasonRound, the path of the sibling that failed; otherwise ""
	// Err is the failure of the sibling with ReasonRound. Otherwise it is the cause of
	// the context that was cancelled. It may be nil.
	Err error
}

// StopReason says why an incarnation was asked to stop.
type StopReason uint8

const (
	// ReasonShutdown means that the supervisor is ending.
	ReasonShutdown StopReason = iota
	// ReasonRound means that a sibling failed and the strategy restarts both.
	ReasonRound
	// ReasonOperator means that an operator call stopped the child, or that the
	// caller that started the child no longer waits.
	ReasonOperator
	// ReasonReturn means that Run has returned. The goroutines of the incarnation
	// are to end.
	ReasonReturn
)

// String returns "shutdown", "round", "operator" or "return".
func (r StopReason) String() string { return nameOf(r, stopReasonNames) }

var stopReasonNames = []string{"shutdown", "round", "operator", "return"}

// Error returns the reason in words, followed by Err if there is one.
func (e *StopError) Error() string {
	text := ""
	switch e.Reason {
	case ReasonShutdown:
		text = "shutdown of the supervisor"
	case ReasonRound:
		text = "restart after failure of " + e.Path
	case ReasonOperator:
		text = "termination by an operator"
		if e.Err != nil { // the caller of StartChild or RestartChild has gone
			text = "cancellation of the start"
		}
	case ReasonReturn:
		text = "return of the worker"
	default:
		text = e.Reason.String()
	}
	if e.Err == nil {
		return text
	}
	return text + ": " + causeText(e.Path, e.Err)
}

// Unwrap returns ErrShutdown and Err, if that is not nil.
func (e *StopError) Unwrap() []error { return wrapped(ErrShutdown, e.Err) }
