package sup

import (
	"context"
	"fmt"

	"github.com/espalier-go/espalier/internal/foreign"
)

// The methods of errors from workers, start functions and contexts are foreign code.
// Exit.String, a log or errors.Is would call them later, in a goroutine of the
// supervisor or of a caller. So they are called once when the error enters this
// package, and an error whose methods do not return is replaced there.

// shield returns err, or a replacement if a method of err does not return. The
// replacement wraps a [PanicError] or [ErrGoexit]. errors.Is and errors.As still find
// err in it.
func shield(err error) error { return shielder.Shield(err) }

var shielder = &foreign.Shielder{Own: ownCauses, Failed: failureOf}

// ownCauses returns what an error of this package wraps. The methods of such an error
// are not foreign code.
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

// printable returns the value of a panic, or a replacement that can be printed if
// the methods of the value do not return.
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

// failureOf returns the error of a method that did not return.
func failureOf(f *foreign.Failure) error {
	if f.Panic == nil {
		return ErrGoexit
	}
	return &PanicError{Value: foreign.Sprint(f.Panic), Stack: stackOfPanic(f.Stack)}
}

// causeOf returns the shielded cause of a context that came from a caller.
func causeOf(ctx context.Context) error { return shield(context.Cause(ctx)) }
