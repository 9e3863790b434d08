package wire

import (
	"context"
	"errors"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
)

// detailType is the type of the error detail of every error of the tree.
var detailType = string((*pb.Error)(nil).ProtoReflect().Descriptor().FullName())

// Limits of the error detail in bytes.
const (
	maxErrorSize = 256 << 10
	// maxTrailerSize applies to gRPC, which sends the detail in the trailers. Many
	// clients limit these to 8 KiB.
	maxTrailerSize = 2 << 10
	// maxDetailMemory limits a decoded detail. It is much more than a detail of
	// maxErrorSize takes.
	maxDetailMemory = 64 << 20
)

// codes maps errors to codes. The first entry that an error wraps applies.
var codes = []struct {
	err  error
	code connect.Code
}{
	{sup.ErrStart, connect.CodeAborted}, // first, since it wraps any error of the start function
	{sup.ErrIncarnation, connect.CodeAborted},
	{sup.ErrNotFound, connect.CodeNotFound},
	{sup.ErrAlreadyRunning, connect.CodeAlreadyExists},
	{sup.ErrAlreadyDeclared, connect.CodeAlreadyExists},
	{sup.ErrMaxChildren, connect.CodeResourceExhausted},
	{sup.ErrKey, connect.CodeInvalidArgument},
	{sup.ErrNotKeyed, connect.CodeInvalidArgument},
	{sup.ErrNoSupervisor, connect.CodeInvalidArgument},
	{ErrBusy, connect.CodeResourceExhausted},
	{ErrEnding, connect.CodeUnavailable},
	{ErrSelf, connect.CodeFailedPrecondition},
	{sup.ErrRunning, connect.CodeFailedPrecondition},
	{sup.ErrRestarting, connect.CodeFailedPrecondition},
	{sup.ErrNotRunning, connect.CodeFailedPrecondition},
	{sup.ErrStopped, connect.CodeFailedPrecondition},
	{sup.ErrNeeded, connect.CodeFailedPrecondition},
	{sup.ErrStuck, connect.CodeDeadlineExceeded},
	{context.DeadlineExceeded, connect.CodeDeadlineExceeded},
	{context.Canceled, connect.CodeCanceled},
}

// ConnectError encodes an error of the tree as a *connect.Error for a client that uses
// the given protocol. It returns nil for nil.
func ConnectError(err error, protocol string) error {
	if err == nil {
		return nil
	}
	enc := Encoder{Room: maxErrorSize}
	if protocol != connect.ProtocolNameConnect {
		enc.Room = maxTrailerSize
	}
	m := enc.Error(err)
	answer := connect.NewError(codeOf(DecodeError(m)), termtext.Text(m.Text)) // curl prints the text to a terminal
	value, marshalErr := proto.Marshal(m)
	if marshalErr != nil || enc.Room < 0 && protocol != connect.ProtocolNameConnect {
		return answer
	}
	detail := &connect.ErrorDetail{Type: detailType, Value: value}
	if readable, err := protojson.Marshal(m); err == nil { // else package connect encodes the detail
		detail.Debug = termtext.JSON(readable)
	}
	return answer.WithDetail(detail)
}

// codeOf returns the code of a decoded error, whose chain has a limited length.
func codeOf(err error) connect.Code {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return connect.CodeUnknown
}

// DecodeConnectError returns the error of the tree in the details of a *connect.Error,
// or nil if there is none.
func DecodeConnectError(answer *connect.Error) error {
	for _, d := range answer.Details() {
		if d.Type != detailType {
			continue
		}
		m := new(pb.Error)
		if err := Unmarshal(d.Value, m, maxDetailMemory); err != nil {
			return nil // the caller uses the text of the answer
		}
		return DecodeError(m)
	}
	return nil
}
