package remote

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/espalier-go/espalier/internal/termtext"
	"github.com/espalier-go/espalier/sup"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
	"github.com/espalier-go/espalier/sup/remote/internal/wire"
)

// answerRoom bounds the errors and stacks in one answer, in bytes.
const maxErrorsSize = 16 << 20

// A handler answers the calls of clients. Who may call has been decided before,
// and for what, in intercept.
type handler struct {
	controller   sup.Controller
	settings     *settings
	self         string // the path of the server, if it is a child
	streams      streamLimit
	serving      context.Context // ends when the server is told to
	replacements sync.WaitGroup  // replacements that are seen through
	replaced     sync.Map        // the paths of what is replaced now
	responses    map[Role]*responseLimit
	denied       *throttledLog // logs calls that a viewer may not make
}

// deniedBurst is how many calls that are denied are logged one by one.
const deniedBurst = 20

// intercept lets a call through if the role of the caller allows it. What the
// protocol file does not mark as free of side effects is for operators.
func (h *handler) intercept(next connect.ServerFunc) connect.ServerFunc {
	return func(ctx context.Context, spec connect.Spec, stream connect.ServerStream) error {
		op := spec.Procedure[strings.LastIndexByte(spec.Procedure, '/')+1:]
		caller := callerOf(ctx)
		needed := Operator
		if spec.IdempotencyLevel == connect.IdempotencyNoSideEffects {
			needed = Viewer
		}
		call := &call{op: op, caller: caller, begun: time.Now()}
		ctx = context.WithValue(ctx, callKey{}, call)
		if caller == nil || caller.role < needed {
			h.setDeniedTarget(ctx, spec, stream)
			h.report(ctx, needed, call, ErrDenied)
			return connect.Errorf(connect.CodePermissionDenied, "%s takes the role of %v", op, needed)
		}
		if spec.StreamType == connect.StreamTypeUnary {
			bounded, cancel := context.WithTimeout(ctx, h.settings.CallTimeout)
			defer cancel()
			ctx = bounded
		}
		if isLargeResponse(op) {
			look, err := h.responses[caller.role].begin(ctx, caller.requests)
			if err != nil {
				h.report(ctx, needed, call, err)
				return encodeError(ctx, context.Cause(ctx))
			}
			defer look.end()
			call.response = look
		}
		err := next(ctx, spec, stream)
		h.report(ctx, needed, call, err)
		return err
	}
}

// isLook reports whether the answer to a call may be large.
func isLargeResponse(op string) bool {
	switch op {
	case "Snapshot", "Children", "Child", "Stacks":
		return true
	}
	return false
}

// A call is what is logged of one.
type call struct {
	op, path    string
	incarnation int32
	caller      *caller
	begun       time.Time
	outcome     bool // it is the outcome, after the call has returned
	response    *response
}

type callKey struct{}

// about notes what a call is about.
func setTarget(ctx context.Context, path string, incarnation int32) {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		c.path, c.incarnation = path, incarnation
	}
}

// aboutDenied notes what a call is about that no method answers.
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
	if stream.Receive(m) != nil { // the guard has read it, so this does not wait
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

// pathOfNew is the path of the child that a request would start.
func (h *handler) newChildPath(ctx context.Context, r *pb.StartChildRequest) string {
	return wire.EncodePath(sup.ChildPath(h.pathOrName(ctx, r.GetPath()), wire.DecodeID(r.GetKey(), r.GetRawKey())))
}

// held returns an answer once there is room for it.
func reserveRoom[M proto.Message](ctx context.Context, m M) (M, error) {
	if c, ok := ctx.Value(callKey{}).(*call); ok && c.response != nil {
		if err := c.response.reserve(ctx, m); err != nil {
			var none M
			return none, encodeError(ctx, context.Cause(ctx))
		}
	}
	return m, nil
}

// report logs a call.
func (h *handler) report(ctx context.Context, needed Role, c *call, err error) {
	level, message := slog.LevelInfo, "operator's call"
	switch {
	case needed == Viewer:
		level, message = slog.LevelDebug, "viewer's call"
	case c.outcome:
		message = "operator's call, seen through"
	}
	attrs := []slog.Attr{slog.String("op", c.op)}
	if c.caller != nil {
		attrs = append(attrs, slog.String("who", termtext.Line(c.caller.name)), slog.String("role", c.caller.role.String()))
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

// maxLoggedPath bounds a path in the log, in bytes: a client may send any.
const maxLoggedPath = 1 << 10

// loggedPath is a path as it is logged, for a handler that escapes nothing.
func loggedPath(path string) string {
	if len(path) > maxLoggedPath {
		path = path[:maxLoggedPath] + "…"
	}
	return termtext.Path(path)
}

// answer makes of an error what the client is told.
func encodeError(ctx context.Context, err error) error {
	info, ok := connect.CallInfoForServerContext(ctx)
	if !ok {
		return wire.ConnectError(err, connect.ProtocolNameConnect)
	}
	return wire.ConnectError(err, info.Protocol)
}

func (h *handler) Status(ctx context.Context, r *pb.StatusRequest) (*pb.StatusResponse, error) {
	setTarget(ctx, r.GetPath(), 0)
	status, err := h.controller.Status(ctx, wire.DecodePath(r.GetPath()))
	if err != nil {
		return nil, encodeError(ctx, err)
	}
	return wire.EncodeStatus(status), nil
}

func (h *handler) Snapshot(ctx context.Context, r *pb.SnapshotRequest) (*pb.SnapshotResponse, error) {
	setTarget(ctx, r.GetPath(), 0)
	tree, err := h.controller.Snapshot(ctx, wire.DecodePath(r.GetPath()))
	if err != nil {
		return nil, encodeError(ctx, err)
	}
	w := wire.Encoder{Room: maxErrorsSize}
	return reserveRoom(ctx, &pb.SnapshotResponse{Supervisor: w.Supervisor(tree)})
}

func (h *handler) Children(ctx context.Context, r *pb.ChildrenRequest) (*pb.ChildrenResponse, error) {
	setTarget(ctx, r.GetPath(), 0)
	children, err := h.controller.Children(ctx, wire.DecodePath(r.GetPath()))
	if err != nil {
		return nil, encodeError(ctx, err)
	}
	w := wire.Encoder{Room: maxErrorsSize}
	return reserveRoom(ctx, &pb.ChildrenResponse{Children: w.Children(children)})
}

func (h *handler) Child(ctx context.Context, r *pb.ChildRequest) (*pb.ChildResponse, error) {
	setTarget(ctx, r.GetPath(), 0)
	child, err := h.controller.Child(ctx, wire.DecodePath(r.GetPath()))
	if err != nil {
		return nil, encodeError(ctx, err)
	}
	w := wire.Encoder{Room: maxErrorsSize}
	return reserveRoom(ctx, &pb.ChildResponse{Child: w.Child(child)})
}

func (h *handler) Stacks(ctx context.Context, r *pb.StacksRequest) (*pb.StacksResponse, error) {
	setTarget(ctx, r.GetPath(), 0)
	stacks, err := h.controller.Stacks(ctx, wire.DecodePath(r.GetPath()))
	if err != nil {
		return nil, encodeError(ctx, err)
	}
	return reserveRoom(ctx, &pb.StacksResponse{Stacks: wire.ValidText(stacks[:min(len(stacks), maxErrorsSize)])})
}

func (h *handler) StartChild(ctx context.Context, r *pb.StartChildRequest) (*pb.StartChildResponse, error) {
	key := wire.DecodeID(r.GetKey(), r.GetRawKey())
	setTarget(ctx, h.newChildPath(ctx, r), 0)
	ctx, cancel := withWait(ctx, r.GetWait())
	defer cancel()
	child, err := h.controller.StartChild(ctx, wire.DecodePath(r.GetPath()), key)
	if err != nil {
		return nil, encodeError(ctx, err)
	}
	w := wire.Encoder{Room: maxErrorsSize}
	return &pb.StartChildResponse{Child: w.Child(child)}, nil
}

func (h *handler) TerminateChild(ctx context.Context, r *pb.TerminateChildRequest) (*pb.TerminateChildResponse, error) {
	return &pb.TerminateChildResponse{}, h.change(ctx, r.GetTarget(), func(ctx context.Context, t sup.Target) error {
		if h.isSelfOrAncestor(t.Path) {
			return &sup.CallError{Op: "terminate", Path: t.Path, Err: ErrSelf}
		}
		return h.controller.TerminateChild(ctx, t)
	})
}

func (h *handler) RestartChild(ctx context.Context, r *pb.RestartChildRequest) (*pb.RestartChildResponse, error) {
	return &pb.RestartChildResponse{}, h.change(ctx, r.GetTarget(), h.controller.RestartChild)
}

func (h *handler) Replace(ctx context.Context, r *pb.ReplaceRequest) (*pb.ReplaceResponse, error) {
	return &pb.ReplaceResponse{}, h.change(ctx, r.GetTarget(), h.replace)
}

func (h *handler) DeleteChild(ctx context.Context, r *pb.DeleteChildRequest) (*pb.DeleteChildResponse, error) {
	return &pb.DeleteChildResponse{}, h.change(ctx, r.GetTarget(), h.controller.DeleteChild)
}

func (h *handler) Shutdown(ctx context.Context, r *pb.ShutdownRequest) (*pb.ShutdownResponse, error) {
	switch path := r.GetTarget().GetPath(); {
	case path == "" && !r.GetWhole():
		return nil, connect.Errorf(connect.CodeInvalidArgument,
			`no path, and the whole tree has to be said: {"target": {"path": %q}}, or {"whole": true}`, h.pathOrName(ctx, ""))
	case path != "" && r.GetWhole():
		return nil, connect.Errorf(connect.CodeInvalidArgument, `a path, %q, and whole: leave one of them out`, path)
	}
	return &pb.ShutdownResponse{}, h.change(ctx, r.GetTarget(), func(ctx context.Context, t sup.Target) error {
		if h.isSelfOrAncestor(t.Path) {
			return &sup.CallError{Op: "shut down", Path: t.Path, Err: ErrSelf}
		}
		return h.ignoreSelf(h.controller.Shutdown(ctx, t))
	})
}

// named is the path of a call for the log: that of the whole tree is its name.
func (h *handler) pathOrName(ctx context.Context, path string) string {
	if path != "" {
		return path
	}
	status, _ := h.controller.Status(ctx, "")
	return wire.EncodePath(status.Path)
}

// change carries out a call on a target.
func (h *handler) change(ctx context.Context, target *pb.Target, f func(context.Context, sup.Target) error) error {
	setTarget(ctx, h.pathOrName(ctx, target.GetPath()), target.GetIncarnation())
	bounded, cancel := withWait(ctx, target.GetWait())
	defer cancel()
	return encodeError(ctx, f(bounded, sup.Target{
		Path:        wire.DecodePath(target.GetPath()),
		Incarnation: int(target.GetIncarnation()),
	}))
}

// within bounds a call by the time that its caller asks for, if any.
func withWait(ctx context.Context, wait *durationpb.Duration) (context.Context, context.CancelFunc) {
	if d := wait.AsDuration(); d > 0 {
		return context.WithTimeout(ctx, d)
	}
	return ctx, func() {}
}
