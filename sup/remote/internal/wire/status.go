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

// detailType is the type of the detail that every answer of the tree carries.
var detailType = string((*pb.Error)(nil).ProtoReflect().Descriptor().FullName())

// How many bytes the detail of an error may take.
const (
	maxErrorSize = 256 << 10
	// headerRoom is for gRPC, where it is part of the trailers, which many
	// clients bound at 8 KiB.
	maxTrailerSize = 2 << 10
)

// maxDetail is how many bytes of memory the detail of an error may take in a
// client: much more than any that is written, see errorRoom.
const maxDetailMemory = 64 << 20

// codes says which code an error is answered with: the first that it wraps.
var codes = []struct {
	err  error
	code connect.Code
}{
	{sup.ErrStart, connect.CodeAborted}, // whatever the start function has wrapped
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
	{sup.ErrIgnore, connect.CodeFailedPrecondition},
	{sup.ErrStuck, connect.CodeDeadlineExceeded},
	{context.DeadlineExceeded, connect.CodeDeadlineExceeded},
	{context.Canceled, connect.CodeCanceled},
}

// Answer makes of an error of the tree what a client is told. The protocol is
// the name of the one that it speaks.
func ConnectError(err error, protocol string) error {
	if err == nil {
		return nil
	}
	w := Encoder{Room: maxErrorSize}
	if protocol != connect.ProtocolNameConnect {
		w.Room = maxTrailerSize
	}
	m := w.Error(err)
	answer := connect.NewError(codeOf(DecodeError(m)), termtext.Text(m.Text)) // curl prints it
	value, marshalErr := proto.Marshal(m)
	if marshalErr != nil || w.Room < 0 && protocol != connect.ProtocolNameConnect {
		return answer
	}
	detail := &connect.ErrorDetail{Type: detailType, Value: value}
	if readable, err := protojson.Marshal(m); err == nil { // else package connect writes its own
		detail.Debug = termtext.JSON(readable)
	}
	return answer.WithDetail(detail)
}

// codeOf is given an error that has been read: of one that has not, methods
// would be called that are not ours.
func codeOf(err error) connect.Code {
	for _, c := range codes {
		if errors.Is(err, c.err) {
			return c.code
		}
	}
	return connect.CodeUnknown
}

// ReadAnswer returns the error of the tree that an answer is about, or nil if
// it is not about one.
func DecodeConnectError(answer *connect.Error) error {
	for _, d := range answer.Details() {
		if d.Type != detailType {
			continue
		}
		m := new(pb.Error)
		if err := Unmarshal(d.Value, m, maxDetailMemory); err != nil {
			return nil // as if it were not there: the text of the answer is
		}
		return DecodeError(m)
	}
	return nil
}
