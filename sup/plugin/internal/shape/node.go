package shape

import (
	"encoding"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// A Fault is a reason for which a type or a method cannot cross.
type Fault struct {
	Path string // to the fault, such as "Convert: File.R"
	Text string // what is wrong, and what to use instead
}

func (f Fault) String() string { return f.Path + " " + f.Text }

// node is what is known of one Go type that crosses.
type node struct {
	typ  reflect.Type
	kind Kind
	name string // of a struct field's type in faults and comparisons
	elem *node  // of a pointer, slice, array or map
	key  *node  // of a map
	size int    // of an array, or of a number in bits

	fields []field // of a struct

	// mirror is the type by which the codec sees a value. It has the memory layout of
	// typ. It is typ itself unless a struct in it has embedded fields or tags of other
	// encodings, which the codec would follow.
	mirror reflect.Type
	// recursive is set if a value may contain a value of the same type, so that it may
	// be cyclic.
	recursive bool
}

// field is a field of a struct that crosses.
type field struct {
	name     string
	index    int
	optional bool // a receiver may lack it
	node     *node
}

// Kind is how a value is encoded.
type Kind string

// The kinds of values.
const (
	KindBool    Kind = "bool"
	KindInt     Kind = "int"
	KindUint    Kind = "uint"
	KindFloat   Kind = "float"
	KindString  Kind = "string"
	KindBytes   Kind = "[]byte"
	KindTime    Kind = "time.Time"
	KindBig     Kind = "big.Int"
	KindBinary  Kind = "binary" // encoded by MarshalBinary
	KindText    Kind = "text"   // encoded by MarshalText
	KindPointer Kind = "pointer"
	KindSlice   Kind = "slice"
	KindArray   Kind = "array"
	KindMap     Kind = "map"
	KindStruct  Kind = "struct"
)

var (
	timeType = reflect.TypeFor[time.Time]()
	bigType  = reflect.TypeFor[big.Int]()

	binaryMarshaler   = reflect.TypeFor[encoding.BinaryMarshaler]()
	binaryUnmarshaler = reflect.TypeFor[encoding.BinaryUnmarshaler]()
	textMarshaler     = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler   = reflect.TypeFor[encoding.TextUnmarshaler]()
	cborMarshaler     = reflect.TypeFor[cbor.Marshaler]()
	cborUnmarshaler   = reflect.TypeFor[cbor.Unmarshaler]()
)

// examiner examines types. It keeps each node, so that recursive types end.
type examiner struct {
	nodes  map[reflect.Type]*node
	open   map[reflect.Type]bool // types that are being examined
	faults []Fault
}

func newExaminer() *examiner {
	return &examiner{nodes: make(map[reflect.Type]*node), open: make(map[reflect.Type]bool)}
}

func (x *examiner) fault(path, format string, args ...any) {
	x.faults = append(x.faults, Fault{path, fmt.Sprintf(format, args...)})
}

// examine returns the node of a type. Its faults are recorded with their path, once for
// each type.
func (x *examiner) examine(t reflect.Type, path string) *node {
	if n := x.nodes[t]; n != nil {
		if x.open[t] {
			n.recursive = true
		}
		return n
	}
	n := &node{typ: t, name: t.String(), mirror: t}
	x.nodes[t], x.open[t] = n, true
	x.fill(n, path)
	delete(x.open, t)
	if n.recursive && n.mirror != t {
		x.fault(path, "is a recursive type with an embedded field, or with tags for json or cbor, in %v: remove them", t)
		n.mirror = t
	}
	return n
}

// fill completes a node.
func (x *examiner) fill(n *node, path string) {
	t := n.typ
	if x.fillMarshaler(n, path) {
		return
	}
	switch t.Kind() {
	case reflect.Bool:
		n.kind = KindBool
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n.kind, n.size = KindInt, bits(t)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n.kind, n.size = KindUint, bits(t)
	case reflect.Float32, reflect.Float64:
		n.kind, n.size = KindFloat, t.Bits()
	case reflect.String:
		n.kind = KindString
	case reflect.Pointer:
		n.kind = KindPointer
		n.elem = x.examine(t.Elem(), path)
		switch n.elem.kind {
		case KindPointer, KindSlice, KindMap, KindBytes:
			x.fault(path, "is a pointer to a value that may be nil itself: use %v", t.Elem())
		}
		if n.elem.mirror != n.elem.typ {
			n.mirror = reflect.PointerTo(n.elem.mirror)
		}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 && !marshals(t.Elem()) {
			n.kind = KindBytes
			return
		}
		n.kind, n.elem = KindSlice, x.examine(t.Elem(), path+"[]")
		if n.elem.mirror != n.elem.typ {
			n.mirror = reflect.SliceOf(n.elem.mirror)
		}
	case reflect.Array:
		n.kind, n.elem, n.size = KindArray, x.examine(t.Elem(), path+"[]"), t.Len()
		if n.elem.mirror != n.elem.typ {
			n.mirror = reflect.ArrayOf(t.Len(), n.elem.mirror)
		}
	case reflect.Map:
		n.kind = KindMap
		n.key, n.elem = x.examine(t.Key(), path+" (key)"), x.examine(t.Elem(), path+"[]")
		switch n.key.kind {
		case KindString, KindInt, KindUint, KindText, KindBinary, "":
		default:
			x.fault(path, "is a map with keys of type %v: use strings, integers, or a type with MarshalText and UnmarshalText", t.Key())
		}
		if n.elem.mirror != n.elem.typ {
			n.mirror = reflect.MapOf(t.Key(), n.elem.mirror)
		}
	case reflect.Struct:
		x.fillStruct(n, path)
	case reflect.Interface:
		x.fault(path, "is an interface (%v): use a concrete type", t)
	default:
		x.fault(path, "is a %v (%v), which cannot be encoded", t.Kind(), t)
	}
}

// fillMarshaler completes the node of a type that encodes itself, and reports whether
// it does.
func (x *examiner) fillMarshaler(n *node, path string) bool {
	t := n.typ
	switch t {
	case timeType:
		n.kind = KindTime
		return true
	case bigType:
		n.kind = KindBig
		return true
	}
	if t.Kind() == reflect.Pointer || t.Kind() == reflect.Interface {
		return false
	}
	for _, m := range []struct {
		kind             Kind
		marshal, restore reflect.Type
	}{
		{KindBinary, cborMarshaler, cborUnmarshaler},
		{KindBinary, binaryMarshaler, binaryUnmarshaler},
		{KindText, textMarshaler, textUnmarshaler},
	} {
		p := reflect.PointerTo(t)
		from, to := p.Implements(m.marshal), p.Implements(m.restore)
		if !from && !to {
			continue
		}
		if from != to {
			has, lacks := m.marshal, m.restore
			if to {
				has, lacks = lacks, has
			}
			x.fault(path, "has %s but not %s (%v): add it", has.Method(0).Name, lacks.Method(0).Name, t)
		} else if name := promotedBy(t, m.marshal, m.restore); name != "" {
			x.fault(path, "embeds %s, which would be encoded in place of the whole %v: name the field", name, t)
		}
		n.kind = m.kind
		return true
	}
	return false
}

// marshals reports whether a type encodes itself.
func marshals(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(binaryMarshaler) || p.Implements(textMarshaler) || p.Implements(cborMarshaler)
}

// promotedBy returns the name of the embedded field from which a struct with other
// fields probably has the methods of an interface, or "". The reflection does not tell
// promoted methods from declared ones.
func promotedBy(t reflect.Type, interfaces ...reflect.Type) string {
	if t.Kind() != reflect.Struct || t.NumField() < 2 {
		return ""
	}
	for f := range t.Fields() {
		for _, i := range interfaces {
			if f.Anonymous && (f.Type.Implements(i) || reflect.PointerTo(f.Type).Implements(i)) {
				return f.Type.String()
			}
		}
	}
	return ""
}

// fillStruct completes the node of a struct.
func (x *examiner) fillStruct(n *node, path string) {
	n.kind = KindStruct
	t := n.typ
	mirrored := make([]reflect.StructField, 0, t.NumField())
	exact := true
	var hidden []string
	for f := range t.Fields() {
		at := path + "." + f.Name
		if !f.IsExported() {
			hidden = append(hidden, f.Name)
			continue
		}
		e := x.examine(f.Type, at)
		optional, err := optionalTag(f.Tag)
		if err != nil {
			x.fault(at, "%v", err)
		}
		n.fields = append(n.fields, field{f.Name, f.Index[0], optional, e})
		_, ownTag := f.Tag.Lookup("cbor")
		_, jsonTag := f.Tag.Lookup("json")
		if f.Anonymous || ownTag || jsonTag || e.mirror != e.typ {
			exact = false
		}
		mirrored = append(mirrored, reflect.StructField{
			Name: f.Name, Type: e.mirror, Tag: reflect.StructTag(`cbor:"` + f.Name + `"`),
		})
	}
	switch {
	case len(hidden) > 0:
		x.fault(path, "has fields that are not exported (%s): export them, or give %v MarshalBinary and UnmarshalBinary", strings.Join(hidden, ", "), t)
	case !exact:
		n.mirror = reflect.StructOf(mirrored)
	}
}

// optionalTag reads the tag of a field for package plugin.
func optionalTag(tag reflect.StructTag) (bool, error) {
	switch text, ok := tag.Lookup("plugin"); {
	case !ok:
		return false, nil
	case text == "optional":
		return true, nil
	default:
		return false, fmt.Errorf("has the tag plugin:%q: the one value is %q", text, "optional")
	}
}

// bits returns the size of an integer type on the wire. An int has 64 bits on all
// systems.
func bits(t reflect.Type) int {
	switch t.Kind() {
	case reflect.Int, reflect.Uint:
		return 64
	}
	return t.Bits()
}
