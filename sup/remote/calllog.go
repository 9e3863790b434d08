package remote

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
	"github.com/espalier-go/espalier/sup/remote/internal/wire"
)

// A call holds what is logged about a client's call.
type call struct {
	op, path    string
	incarnation int32
	caller      *caller
	begun       time.Time
	response    *response
}

type callKey struct{}

// setTarget records the target of the call in ctx.
func setTarget(ctx context.Context, path string, incarnation int32) {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		c.path, c.incarnation = path, incarnation
	}
}

// setDeniedTarget records the target of a call that no method handles.
func (h *handler) setDeniedTarget(ctx context.Context, spec connect.Spec, stream connect.ServerStream) {
	method, ok := spec.Schema.(protoreflect.MethodDescriptor)
	if !ok {
		return
	}
	request, err := protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName())
	if err != nil {
		return
	}
	m := request.New().Interface()
	if stream.Receive(m) != nil { // does not wait, since the guard has read the body
		return
	}
	switch r := m.(type) {
	case *pb.StartChildRequest:
		setTarget(ctx, h.newChildPath(ctx, r), 0)
	case interface{ GetTarget() *pb.Target }:
		setTarget(ctx, h.pathOrName(ctx, r.GetTarget().GetPath()), r.GetTarget().GetIncarnation())
	case interface{ GetPath() string }:
		setTarget(ctx, r.GetPath(), 0)
	}
}

// newChildPath is the path of the child that a request starts.
func (h *handler) newChildPath(ctx context.Context, r *pb.StartChildRequest) string {
	return wire.EncodePath(sup.ChildPath(h.pathOrName(ctx, r.GetPath()), wire.DecodeID(r.GetKey(), r.GetRawKey())))
}

// pathOrName returns the path of a call for the log. An empty path is replaced by
// the name of the tree.
func (h *handler) pathOrName(ctx context.Context, path string) string {
	if path != "" {
		return path
	}
	status, _ := h.controller.Status(ctx, "")
	return wire.EncodePath(status.Path)
}

// report logs a call.
func (h *handler) report(ctx context.Context, needed Role, c *call, err error) {
	level, message := slog.LevelInfo, "operator call"
	if needed == Viewer {
		level, message = slog.LevelDebug, "viewer call"
	}
	attrs := []slog.Attr{slog.String("op", c.op)}
	if c.caller != nil {
		attrs = append(attrs, slog.String("client", termtext.Line(c.caller.name)), slog.String("role", c.caller.role.String()))
	}
	if c.path != "" {
		attrs = append(attrs, slog.String("path", loggedPath(c.path)))
	}
	if c.incarnation != 0 {
		attrs = append(attrs, slog.Int("incarnation", int(c.incarnation)))
	}
	attrs = append(attrs, slog.Duration("took", time.Since(c.begun)))
	switch answer, ok := errors.AsType[*connect.Error](err); {
	case err == nil:
		attrs = append(attrs, slog.String("result", "done"))
	case err == ErrDenied:
		h.denied.record(message, append(attrs, slog.String("result", ErrDenied.Error())))
		return
	case ok:
		attrs = append(attrs, slog.String("result", termtext.Line(answer.Message())))
	default:
		attrs = append(attrs, slog.String("result", termtext.Line(err.Error())))
	}
	h.settings.Logger.LogAttrs(context.WithoutCancel(ctx), level, message, attrs...)
}

// maxLoggedPath is the maximum length of a path in the log in bytes, since a client
// can send any path.
const maxLoggedPath = 1 << 10

// loggedPath shortens and escapes a path, for log handlers that do not escape text.
func loggedPath(path string) string {
	if len(path) > maxLoggedPath {
		path = path[:maxLoggedPath] + "…"
	}
	return termtext.Path(path)
}
