package wire

import (
	"fmt"
	"reflect"
	"sync"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// Unmarshal decodes a message, unless it and the value of package sup made from it
// would take more than max bytes of memory. A message of two bytes can become two
// structs of some hundred bytes, so that 256 KiB of compressed data could take all
// memory of a client.
func Unmarshal(b []byte, m proto.Message, max int) error {
	if w := weight(b, m.ProtoReflect().Descriptor(), max, 0); w > max {
		return fmt.Errorf("message of %d bytes would take more than %d bytes of memory", len(b), max)
	}
	return proto.Unmarshal(b, m)
}

const (
	copies      = 2  // the message, and the value of package sup
	entryWeight = 64 // bytes of a map entry
	sliceHeader = 24 // bytes of a slice or a string besides its content
	maxNesting  = 10_000
)

// weight estimates the memory of a decoded message in bytes. It stops counting above
// max. Malformed data weighs its length, since it is not decoded.
func weight(b []byte, of protoreflect.MessageDescriptor, max, depth int) int {
	if depth == maxNesting { // the limit of package proto
		return len(b)
	}
	sum := copies * sizeOf(of)
	for len(b) > 0 && sum <= max {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return sum + len(b)
		}
		b = b[n:]
		if n = protowire.ConsumeFieldValue(number, kind, b); n < 0 {
			return sum + len(b)
		}
		value := b[:n]
		b = b[n:]
		field := of.Fields().ByNumber(number)
		switch {
		case field == nil || kind != protowire.BytesType:
			sum += n
		case field.IsMap():
			sum += copies*entryWeight + n
		case field.Message() != nil:
			within, _ := protowire.ConsumeBytes(value)
			sum += weight(within, field.Message(), max-sum, depth+1)
		case field.IsList(): // each element has a slice header
			sum += copies * (sliceHeader + n)
		default:
			sum += copies * n
		}
	}
	return sum
}

var sizes sync.Map // full name of a message to its size

// sizeOf returns the size of a message struct in bytes, without what it refers to.
func sizeOf(m protoreflect.MessageDescriptor) int {
	if size, ok := sizes.Load(m.FullName()); ok {
		return size.(int)
	}
	size := entryWeight
	if kind, err := protoregistry.GlobalTypes.FindMessageByName(m.FullName()); err == nil {
		size = int(reflect.TypeOf(kind.Zero().Interface()).Elem().Size())
	}
	sizes.Store(m.FullName(), size)
	return size
}
