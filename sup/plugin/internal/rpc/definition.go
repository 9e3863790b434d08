package rpc

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"sync"

	"github.com/espalier-go/espalier/sup/plugin/internal/shape"
)

// A Definition describes an interface to the runtime. It must not be changed after
// [Define].
type Definition struct {
	Name string // of the interface
	Type reflect.Type
	// NewClient returns a value of the interface whose methods call c.
	NewClient func(c Caller) any
	// CallerOf returns the Caller of a value that NewClient has returned.
	CallerOf func(client any) Caller
	Methods  []Method
	// Errors are the exported error variables of the package of the interface, which
	// keep their identity.
	Errors []NamedError

	byName map[string]*Method
}

// A NamedError is an exported error variable.
type NamedError struct {
	Name string
	Err  error
}

// A Method describes a method of the interface.
type Method struct {
	Name string
	// Idempotent is set if a call may be made a second time when the plugin dies of it.
	Idempotent bool
	// Session is set if the method has a stream or a callback.
	Session bool
	// Serve decodes the parameters of a call, calls the method of impl, and encodes its
	// results.
	Serve func(ctx context.Context, impl any, call *ServerCall) error
}

var definitions sync.Map // of reflect.Type: *Definition

// Define registers an interface.
func Define(d *Definition) *Definition {
	d.byName = make(map[string]*Method, len(d.Methods))
	for i := range d.Methods {
		d.byName[d.Methods[i].Name] = &d.Methods[i]
	}
	definitions.Store(d.Type, d)
	return d
}

// DefinitionOf returns the definition of an interface.
func DefinitionOf(t reflect.Type) (*Definition, bool) {
	d, ok := definitions.Load(t)
	if !ok {
		return nil, false
	}
	return d.(*Definition), true
}

// method returns the description of a method.
func (d *Definition) method(name string) (*Method, error) {
	m := d.byName[name]
	if m == nil {
		return nil, fmt.Errorf("%s has no method %s", d.Name, name)
	}
	return m, nil
}

// IsIdempotent reports whether a call of a method may be made a second time.
func (d *Definition) IsIdempotent(method string) bool {
	m := d.byName[method]
	return m != nil && m.Idempotent
}

// A ShapeError lists the reasons for which an interface cannot cross.
type ShapeError struct {
	Interface string
	Faults    []shape.Fault
}

// Error returns all faults.
func (e *ShapeError) Error() string {
	texts := make([]string, len(e.Faults))
	for i, f := range e.Faults {
		texts[i] = f.String()
	}
	return e.Interface + ": " + strings.Join(texts, "; ")
}

// Shape examines an interface. The error is a *[ShapeError].
func Shape(t reflect.Type) (*shape.Interface, error) {
	i, faults := shape.OfInterface(t, func(t reflect.Type) bool { _, ok := definitions.Load(t); return ok })
	if faults != nil {
		return nil, &ShapeError{t.String(), faults}
	}
	return i, nil
}

// A Fault is one of the reasons in a [ShapeError].
type Fault = shape.Fault
