package plugin

import (
	"reflect"

	"github.com/espalier-go/espalier/sup/plugin/internal/rpc"
)

// Errors of calls of an interface for which supgen writes the code.
var (
	// ErrStreamUsed is yielded by a stream that is ranged over a second time.
	ErrStreamUsed = rpc.ErrStreamUsed
	// ErrCallOver is returned when a plugin uses a callback, or a stream from the host,
	// after the method that got it has returned.
	ErrCallOver = rpc.ErrCallOver
)

// A RemoteError is an error that a method returned on the other side of a call. It has
// the text of that error. It wraps the exported error variables of the package of the
// interface, and the errors of package context, that the error wrapped there.
type RemoteError = rpc.RemoteError

// A ShapeError is returned when an interface cannot cross between a host and a plugin, or
// when the interfaces of both do not fit together. It lists all reasons.
type ShapeError = rpc.ShapeError

// CheckShape returns a [ShapeError] if the interface T cannot cross between a host and a
// plugin, and nil otherwise. A start checks the same. Call CheckShape in a test, because
// supgen cannot see what the types of other packages contain.
func CheckShape[T any]() error {
	t := reflect.TypeFor[T]()
	if _, ok := rpc.DefinitionOf(t); !ok {
		return &ShapeError{Interface: t.String(), Faults: []rpc.Fault{{Path: t.Name(), Text: "has no generated code: mark it //sup:plugin and run supgen"}}}
	}
	_, err := rpc.Shape(t)
	return err
}
