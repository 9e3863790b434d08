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

// A strictCodec reads JSON and refuses fields that it does not know. One that is
// misspelt would leave empty what it was meant for, and in most calls an empty
// path is the whole tree. The JSON that it writes is harmless for a terminal, to
// which curl prints it.
type strictJSONCodec struct{ *connectproto.JSONCodec }

func newStrictJSONCodec() strictJSONCodec {
	codec := connectproto.NewJSONCodec()
	codec.UnmarshalOptions.DiscardUnknown = false
	return strictJSONCodec{codec}
}

// MarshalWrite writes a message as [termtext.JSON] does.
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

// UnmarshalRead says what a message has, if it is not understood.
func (c strictJSONCodec) UnmarshalRead(ctx context.Context, src io.Reader, message any) error {
	err := c.JSONCodec.UnmarshalRead(ctx, src, message)
	if m, ok := message.(proto.Message); ok && errors.Is(err, proto.Error) {
		return fmt.Errorf("%w; its fields are %s", err, fieldsOf(m.ProtoReflect().Descriptor()))
	}
	return err
}

// A weighingCodec reads what a server answers, unless that would take too much
// memory.
type boundedCodec struct {
	*connectproto.BinaryCodec
	max int // bytes of memory
}

// UnmarshalRead calls [wire.Unmarshal].
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

// fieldsOf lists what is in a message, and in those within.
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
