package shape

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// maxDepth is how deep values may be nested.
const maxDepth = 10000

var (
	encoder = must(cbor.EncOptions{
		Time:          cbor.TimeRFC3339Nano,
		TimeTag:       cbor.EncTagRequired,
		NaNConvert:    cbor.NaNConvertPreserveSignal,
		InfConvert:    cbor.InfConvertNone,
		NilContainers: cbor.NilContainerAsNull,
		ByteArray:     cbor.ByteArrayToByteSlice,
		TextMarshaler: cbor.TextMarshalerTextString,
	}.UserBufferEncMode())
	decoder = must(cbor.DecOptions{
		MaxNestedLevels:   maxDepth,
		MaxArrayElements:  math.MaxInt32,
		MaxMapPairs:       math.MaxInt32,
		UTF8:              cbor.UTF8DecodeInvalid, // a Go string may have any bytes
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		TextUnmarshaler:   cbor.TextUnmarshalerTextString,
	}.DecMode())
)

func must[T any](value T, err error) T {
	if err != nil {
		panic(err) // the options are constants
	}
	return value
}

// A Type encodes and decodes the values of one Go type. It is safe for concurrent use.
type Type struct{ *node }

var types sync.Map // of reflect.Type: typeOrFaults

type typeOrFaults struct {
	typ    Type
	faults []Fault
}

// Of returns the Type of t, or the faults for which it cannot cross.
func Of(t reflect.Type) (Type, []Fault) {
	if known, ok := types.Load(t); ok {
		e := known.(typeOrFaults)
		return e.typ, e.faults
	}
	x := newExaminer()
	n := x.examine(t, t.String())
	for _, inner := range x.nodes { // a value of a recursive type makes all around it deep
		n.recursive = n.recursive || inner.recursive
	}
	known, _ := types.LoadOrStore(t, typeOrFaults{Type{n}, x.faults})
	e := known.(typeOrFaults)
	return e.typ, e.faults
}

// pointerType returns the Type of what a pointer points to.
func pointerType(pointer any) (Type, error) {
	t, faults := Of(reflect.TypeOf(pointer).Elem())
	if faults != nil {
		return t, fmt.Errorf("%v", faults[0])
	}
	return t, nil
}

// mirrored returns a pointer as the codec sees it.
func (t Type) mirrored(pointer any) any {
	if t.mirror == t.typ {
		return pointer
	}
	return reflect.NewAt(t.mirror, reflect.ValueOf(pointer).UnsafePointer()).Interface()
}

// Append encodes the values that pointers point to, and appends them to buf. limit is
// the maximum number of values in a value of a recursive type.
func Append(buf *bytes.Buffer, limit int, pointers ...any) error {
	for _, p := range pointers {
		t, err := pointerType(p)
		if err != nil {
			return err
		}
		if t.recursive {
			w := walker{left: limit, path: make(map[visit]bool)}
			if err := w.walk(t.node, reflect.ValueOf(p).Elem(), 0); err != nil {
				return fmt.Errorf("%v: %w", t.typ, err)
			}
		}
		if err := encoder.MarshalToBuffer(t.mirrored(p), buf); err != nil {
			return fmt.Errorf("%v: %w", t.typ, err)
		}
	}
	return nil
}

// Decode decodes data into what pointers point to, and returns what follows.
func Decode(data []byte, pointers ...any) (rest []byte, err error) {
	for _, p := range pointers {
		t, err := pointerType(p)
		if err != nil {
			return nil, err
		}
		if data, err = decoder.UnmarshalFirst(data, t.mirrored(p)); err != nil {
			return nil, fmt.Errorf("%v: %w", t.typ, err)
		}
	}
	return data, nil
}

// Errors of a value that cannot be encoded.
var (
	ErrCyclic = errors.New("cyclic value")
	ErrDeep   = fmt.Errorf("nested deeper than %d levels", maxDepth)
	ErrLarge  = errors.New("more values than a message can hold")
)

// walker finds what the codec would not survive in a value of a recursive type.
type walker struct {
	left int // values
	path map[visit]bool
}

// visit is a pointer, slice or map on the way to a value.
type visit struct {
	at  uintptr
	typ reflect.Type
}

func (w *walker) walk(n *node, v reflect.Value, depth int) error {
	if w.left--; w.left < 0 {
		return ErrLarge
	}
	if depth > maxDepth/2 { // a pointer and its struct are one level for the decoder
		return ErrDeep
	}
	switch n.kind {
	case KindPointer, KindSlice, KindMap:
		if v.IsNil() {
			return nil
		}
		if n.kind != KindSlice || v.Len() > 0 {
			at := visit{v.Pointer(), n.typ}
			if w.path[at] {
				return ErrCyclic
			}
			w.path[at] = true
			defer delete(w.path, at)
		}
	}
	switch n.kind {
	case KindPointer:
		return w.walk(n.elem, v.Elem(), depth+1)
	case KindSlice, KindArray:
		if n.elem.isLeaf() {
			return nil
		}
		for i := range v.Len() {
			if err := w.walk(n.elem, v.Index(i), depth+1); err != nil {
				return err
			}
		}
	case KindMap:
		if n.elem.isLeaf() {
			return nil
		}
		for it := v.MapRange(); it.Next(); {
			if err := w.walk(n.elem, it.Value(), depth+1); err != nil {
				return err
			}
		}
	case KindStruct:
		for _, f := range n.fields {
			if f.node.isLeaf() {
				continue
			}
			if err := w.walk(f.node, v.Field(f.index), depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// isLeaf reports whether a value contains no others.
func (n *node) isLeaf() bool {
	switch n.kind {
	case KindPointer, KindSlice, KindArray, KindMap, KindStruct:
		return false
	}
	return true
}
