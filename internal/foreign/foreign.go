// Package foreign calls methods of values that come from outside of this module,
// such as Error of a worker's error or String of a key. They may panic, as those of
// a nil pointer that was returned as an error do, or call runtime.Goexit.
//
// A method that blocks, or calls itself for ever, cannot be helped: its caller
// waits for it.
package foreign

import (
	"fmt"
	"reflect"
	"runtime/debug"
)

// A Failure is how a call ended that did not return.
type Failure struct {
	Panic any    // what it panicked with; nil if it called runtime.Goexit
	Stack string // of the panic
}

// Call calls f in a goroutine of its own, which a runtime.Goexit in f ends and not
// that of the caller, and waits for it. It returns nil if f has returned.
func Call(f func()) *Failure {
	ended := make(chan *Failure)
	go func() {
		failure := new(Failure)
		defer func() {
			if failure != nil {
				failure.Panic = recover() // panic(nil) is a runtime.PanicNilError
				if failure.Panic != nil {
					failure.Stack = string(debug.Stack())
				}
			}
			ended <- failure
		}()
		f()
		failure = nil
	}()
	return <-ended
}

// String says how the call ended: with "panic: …" or with runtime.Goexit. It calls
// no foreign method in the goroutine of the caller.
func (f *Failure) String() string {
	if f.Panic == nil {
		return "runtime.Goexit called"
	}
	return "panic: " + Sprint(f.Panic)
}

// Sprint is fmt.Sprint of any value, but survives its methods. Of a value whose
// methods do not return it is the type.
func Sprint(v any) (text string) {
	switch v := v.(type) {
	case string:
		return v
	case nil:
		return "<nil>"
	}
	if Call(func() { text = fmt.Sprint(v) }) != nil {
		return Type(v)
	}
	return text
}

// Type names the type of a value, and says whether it is a nil pointer.
func Type(v any) string {
	text := fmt.Sprintf("%T", v)
	if r := reflect.ValueOf(v); r.Kind() == reflect.Pointer && r.IsNil() {
		text = "nil " + text
	}
	return text
}

// ErrorText is the text of an error, and of one whose Error method panics a text
// that says so. It runs in the goroutine of the caller, so that it is cheap, and does
// not survive a runtime.Goexit.
func ErrorText(err error) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprintf("error of type %s, whose Error method panics: %s", Type(err), Sprint(r))
		}
	}()
	return err.Error()
}
