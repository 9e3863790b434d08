package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"connectrpc.com/connect/v2/connectproto"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup/remote/internal/wire"
)

// A strictJSONCodec rejects unknown fields when it decodes JSON. A misspelt path would
// otherwise be empty, and in most calls that means the whole tree. It encodes JSON
// that is safe to print to a terminal, as curl does.
type strictJSONCodec struct{ *connectproto.JSONCodec }

func newStrictJSONCodec() strictJSONCodec {
	codec := connectproto.NewJSONCodec()
	codec.UnmarshalOptions.DiscardUnknown = false
	return strictJSONCodec{codec}
}

// MarshalWrite encodes a message and escapes it with [termtext.JSON].
func (c strictJSONCodec) MarshalWrite(ctx context.Context, dst io.Writer, message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return c.JSONCodec.MarshalWrite(ctx, dst, message)
	}
	encoded, err := c.MarshalOptions.Marshal(m)
	if err != nil {
		return err
	}
	_, err = dst.Write(termtext.JSON(encoded))
	return err
}

// UnmarshalRead decodes a message. Its errors list the fields of the message.
func (c strictJSONCodec) UnmarshalRead(ctx context.Context, src io.Reader, message any) error {
	err := c.JSONCodec.UnmarshalRead(ctx, src, message)
	if m, ok := message.(proto.Message); ok && errors.Is(err, proto.Error) {
		return fmt.Errorf("%w; the fields are %s", err, fieldsOf(m.ProtoReflect().Descriptor()))
	}
	return err
}

// A boundedCodec rejects a response that would take too much memory.
type boundedCodec struct {
	*connectproto.BinaryCodec
	max int // bytes of memory
}

// UnmarshalRead decodes a message with [wire.Unmarshal].
func (c boundedCodec) UnmarshalRead(ctx context.Context, src io.Reader, message any) error {
	m, ok := message.(proto.Message)
	if !ok {
		return c.BinaryCodec.UnmarshalRead(ctx, src, message)
	}
	encoded, err := io.ReadAll(src)
	if err != nil {
		return err
	}
	return wire.Unmarshal(encoded, m, c.max)
}

// fieldsOf lists the fields of a message and of the messages in it.
func fieldsOf(message protoreflect.MessageDescriptor) string {
	fields := message.Fields()
	names := make([]string, fields.Len())
	for i := range names {
		field := fields.Get(i)
		names[i] = field.JSONName()
		if within := field.Message(); within != nil && within.ParentFile() == message.ParentFile() {
			names[i] += " {" + fieldsOf(within) + "}"
		}
	}
	return strings.Join(names, ", ")
}
