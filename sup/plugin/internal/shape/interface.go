package shape

import (
	"context"
	"fmt"
	"reflect"
)

// An Interface describes an interface that crosses.
type Interface struct {
	name    string
	methods []method
}

// method is a method of an interface that crosses. Its parameters are those after the
// context, and its results those before the error.
type method struct {
	name    string
	params  []crossing
	results []crossing
}

// crossing is a parameter or a result.
type crossing struct {
	role     Role
	node     *node      // of a value, or of the elements of a stream
	callback *Interface // of a callback
}

// A Role is what a parameter or a result is.
type Role string

// The roles of parameters and results.
const (
	RoleValue    Role = "value"
	RoleStream   Role = "stream"
	RoleCallback Role = "callback"
)

var (
	contextType = reflect.TypeFor[context.Context]()
	errorType   = reflect.TypeFor[error]()
)

// OfInterface examines an interface, and returns it with all faults for which it cannot
// cross. isMarked reports whether an interface is known to be a callback.
func OfInterface(t reflect.Type, isMarked func(reflect.Type) bool) (*Interface, []Fault) {
	if t.Kind() != reflect.Interface {
		return nil, []Fault{{t.String(), "is not an interface"}}
	}
	x := &interfaceExaminer{examiner: newExaminer(), isMarked: isMarked, known: make(map[reflect.Type]*Interface)}
	return x.examineInterface(t, ""), x.faults
}

type interfaceExaminer struct {
	*examiner
	isMarked func(reflect.Type) bool
	known    map[reflect.Type]*Interface
}

func (x *interfaceExaminer) examineInterface(t reflect.Type, prefix string) *Interface {
	if known := x.known[t]; known != nil {
		return known
	}
	i := &Interface{name: t.Name()}
	x.known[t] = i
	if t.NumMethod() == 0 {
		x.fault(prefix+t.Name(), "has no methods")
	}
	for m := range t.Methods() {
		at := prefix + m.Name
		if !m.IsExported() {
			x.fault(at, "is not exported, so a plugin cannot implement it")
			continue
		}
		i.methods = append(i.methods, x.examineMethod(m, at))
	}
	return i
}

func (x *interfaceExaminer) examineMethod(m reflect.Method, at string) method {
	out := method{name: m.Name}
	t := m.Type
	if t.NumIn() == 0 || t.In(0) != contextType {
		x.fault(at, "has no context.Context as its first parameter")
	}
	if t.IsVariadic() {
		x.fault(at, "is variadic: use a slice")
	}
	for n := range t.NumIn() {
		if n == 0 && t.In(0) == contextType {
			continue
		}
		out.params = append(out.params, x.examineParam(t.In(n), at))
	}
	if t.NumOut() == 1 {
		if elem := StreamElem(t.Out(0)); elem != nil {
			out.results = []crossing{{role: RoleStream, node: x.examine(elem, path(at, elem))}}
			return out
		}
	}
	if t.NumOut() == 0 || t.Out(t.NumOut()-1) != errorType {
		x.fault(at, "has no error as its last result, and is no stream (iter.Seq2[T, error])")
		return out
	}
	for n := range t.NumOut() - 1 {
		r := t.Out(n)
		if StreamElem(r) != nil {
			x.fault(at, "has a stream beside other results: a stream is the only result")
			continue
		}
		out.results = append(out.results, crossing{role: RoleValue, node: x.examine(r, path(at, r))})
	}
	return out
}

func (x *interfaceExaminer) examineParam(t reflect.Type, at string) crossing {
	if elem := StreamElem(t); elem != nil {
		return crossing{role: RoleStream, node: x.examine(elem, path(at, elem))}
	}
	if t.Kind() == reflect.Interface && x.isMarked(t) {
		return crossing{role: RoleCallback, callback: x.examineInterface(t, at+": "+t.Name()+".")}
	}
	return crossing{role: RoleValue, node: x.examine(t, path(at, t))}
}

// path returns the path to a parameter or a result of a type.
func path(method string, t reflect.Type) string {
	if t.Name() == "" || t.PkgPath() == "" {
		return fmt.Sprintf("%s: %v", method, t)
	}
	return method + ": " + t.Name()
}

// StreamElem returns T if t is iter.Seq2[T, error], else nil.
func StreamElem(t reflect.Type) reflect.Type {
	if t.Kind() != reflect.Func || t.NumIn() != 1 || t.NumOut() != 0 || t.IsVariadic() {
		return nil
	}
	yield := t.In(0)
	if yield.Kind() != reflect.Func || yield.NumIn() != 2 || yield.NumOut() != 1 || yield.IsVariadic() ||
		yield.In(1) != errorType || yield.Out(0).Kind() != reflect.Bool {
		return nil
	}
	return yield.In(0)
}
