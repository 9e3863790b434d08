package sup

import (
	"context"
	"fmt"

	"github.com/espalier-go/espalier/internal/foreign"
)

// Errors of workers, of start functions and of contexts. Their methods are foreign
// code, which Exit.String, a log or errors.Is would call long after in a goroutine
// of the supervisor or of a caller. So they are called once where an error enters,
// and an error that cannot stand that is shielded from then on.

// shield returns err, or an error in its place whose methods return. That one wraps
// a [PanicError] or [ErrGoexit], and err is still found by errors.Is and errors.As.
func shield(err error) error { return shielder.Shield(err) }

var shielder = &foreign.Shielder{Own: ownCauses, Failed: failureOf}

// ownCauses returns what an error of this package wraps.
func ownCauses(err error) (causes []error, own bool) {
	if isNilPointer(err) {
		return nil, false
	}
	switch e := err.(type) {
	case *CallError:
		return []error{e.Err}, true
	case *StartError:
		return []error{e.Err}, true
	case *StartTimeoutError:
		return []error{e.Err}, true
	case *StuckError:
		return []error{e.Err}, true
	case *StopError:
		return []error{e.Err}, true
	case *IntensityError:
		for _, exit := range e.Exits {
			causes = append(causes, exit.Exit.Err)
		}
		return causes, true
	case *UnhealthyError, *SpecError, *alias:
		return nil, true
	}
	return nil, false
}

// printable returns a value that was panicked with, or, if its methods do not
// return, one that can be printed in its place.
func printable(v any) any {
	switch v := v.(type) {
	case error:
		return shield(v)
	case fmt.Stringer, fmt.Formatter:
		if failure := foreign.Call(func() { _ = fmt.Sprint(v) }); failure != nil {
			return "value of type " + foreign.Type(v) + ", whose methods do not return"
		}
	}
	return v
}

func failureOf(f *foreign.Failure) error {
	if f.Panic == nil {
		return ErrGoexit
	}
	return &PanicError{Value: foreign.Sprint(f.Panic), Stack: stackOfPanic(f.Stack)}
}

// causeOf is the cause of the end of a context that a caller has given.
func causeOf(ctx context.Context) error { return shield(context.Cause(ctx)) }
