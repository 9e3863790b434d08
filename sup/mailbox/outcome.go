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
	failed                     // the message, or what was done with it, is at fault
	interrupted                // the function was asked to stop, through its context
)

// outcomeOf classifies the end of a delivery. ctx is the context of the delivery at
// that moment, and reason what the function ended with: nil, the error that it
// returned, a [sup.PanicError], or [sup.ErrGoexit].
//
// An error after ctx has ended is an interruption whatever it says, because drivers
// put a cancellation into words of their own. Should the message be at fault after
// all, its next delivery shows it. A watchdog is the exception: it ends a context
// because a delivery hangs. A panic and a Goexit are no answer to a stop.
func outcomeOf(ctx context.Context, reason error) outcome {
	if reason == nil {
		return done
	}
	if _, panicked := reason.(*sup.PanicError); panicked || reason == sup.ErrGoexit || ctx.Err() == nil {
		return failed
	}
	cause := context.Cause(ctx)
	// A stop for a sibling wraps what the sibling failed with: that one's watchdog too.
	if _, stopped := errors.AsType[*sup.StopError](cause); !stopped && errors.Is(cause, sup.ErrUnhealthy) {
		return failed
	}
	return interrupted
}
