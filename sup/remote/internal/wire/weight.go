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

// A message of two bytes becomes a struct of some hundred, and then one of
// package sup: 256 KiB that were compressed could take all memory of a client.

// Unmarshal reads a message, unless that and what is made of it would take more
// than max bytes.
func Unmarshal(b []byte, m proto.Message, max int) error {
	if w := weight(b, m.ProtoReflect().Descriptor(), max, 0); w > max {
		return fmt.Errorf("a message of %d bytes would take more than %d bytes of memory", len(b), max)
	}
	return proto.Unmarshal(b, m)
}

const (
	copies      = 2  // a message, and what is made of it
	entryWeight = 64 // of an entry of a map
	maxNesting  = 10_000
)

// weight returns about how many bytes a message takes in memory, or more than max
// as soon as that is clear. Of what is not well-formed the weight is the length:
// nothing is made of it.
func weight(b []byte, of protoreflect.MessageDescriptor, max, depth int) int {
	if depth == maxNesting { // as deep as package proto goes
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
		default:
			sum += copies * n
		}
	}
	return sum
}

var sizes sync.Map // of messages by their full name

// sizeOf returns how many bytes a message takes without what it refers to.
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
