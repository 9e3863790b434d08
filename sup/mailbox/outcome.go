package mailbox

import (
	"context"
	"errors"

	"github.com/espalier-go/espalier/sup"
)

// An outcome says how a delivery ended.
type outcome uint8

const (
	done        outcome = iota // the function returned nil
	failed                     // the message or its processing is at fault
	interrupted                // the function was asked to stop, through its context
)

// outcomeOf classifies the end of a delivery. ctx is the context of the delivery at
// that moment, and reason what the function ended with: nil, the error that it
// returned, a [sup.PanicError], or [sup.ErrGoexit].
//
// Any error after ctx has ended is an interruption, because libraries report a
// cancellation in words of their own. If the message is at fault after all, its next
// delivery shows it. The exception is a watchdog, which ends ctx because a delivery
// hangs. A panic or a Goexit is no reaction to a stop and always a failure.
func outcomeOf(ctx context.Context, reason error) outcome {
	if reason == nil {
		return done
	}
	if _, panicked := reason.(*sup.PanicError); panicked || reason == sup.ErrGoexit || ctx.Err() == nil {
		return failed
	}
	cause := context.Cause(ctx)
	// A stop for a sibling wraps the sibling's failure, which may be its watchdog.
	if _, stopped := errors.AsType[*sup.StopError](cause); !stopped && errors.Is(cause, sup.ErrUnhealthy) {
		return failed
	}
	return interrupted
}
