package remote

import (
	"context"
	"strings"
	"time"

	"connectrpc.com/connect/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/espalier-go/espalier/sup"
	pb "github.com/espalier-go/espalier/sup/remote/internal/gen/espalier/v1"
	"github.com/espalier-go/espalier/sup/remote/internal/wire"
)

// maxErrorsSize limits the errors and stacks of one response, in bytes.
const maxErrorsSize = 16 << 20

// A handler executes the calls of clients. The guard has authenticated them, and
// intercept checks their roles.
type handler struct {
	controller sup.Controller
	settings   *settings
	self       string // path of the server, "" if it is not a child
	streams    streamLimit
	responses  map[Role]*responseLimit
	denied     *throttledLog // logs viewers' calls that need an operator
}

// deniedBurst is the number of denied calls that are logged without throttling.
const deniedBurst = 20

// intercept permits a call if the role of the caller does. Methods that the protocol
// does not mark as free of side effects need an operator.
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
			return connect.Errorf(connect.CodePermissionDenied, "%s needs the role of %v", op, needed)
		}
		if spec.StreamType == connect.StreamTypeUnary {
			bounded, cancel := context.WithTimeout(ctx, h.settings.CallTimeout)
			defer cancel()
			ctx = bounded
		}
		if isLargeResponse(op) {
			response, err := h.responses[caller.role].begin(ctx, caller.requests)
			if err != nil {
				h.report(ctx, needed, call, err)
				return encodeError(ctx, context.Cause(ctx))
			}
			defer response.end()
			call.response = response
		}
		err := next(ctx, spec, stream)
		h.report(ctx, needed, call, err)
		return err
	}
}

// isLargeResponse reports whether the response to a call can be large.
func isLargeResponse(op string) bool {
	switch op {
	case "Snapshot", "Children", "Child", "Stacks":
		return true
	}
	return false
}

// reserveMemory returns a message once there is memory for it.
func reserveMemory[M proto.Message](ctx context.Context, m M) (M, error) {
	if c, ok := ctx.Value(callKey{}).(*call); ok && c.response != nil {
		if err := c.response.reserve(ctx, m); err != nil {
			var none M
			return none, encodeError(ctx, context.Cause(ctx))
		}
	}
	return m, nil
}

// encodeError encodes an error for the protocol of the client.
func encodeError(ctx context.Context, err error) error {
	info, ok := connect.CallInfoForServerContext(ctx)
	if !ok {
		return wire.ConnectError(err, connect.ProtocolNameConnect)
	}
	return wire.ConnectError(err, info.Protocol)
}

func (h *handler) Status(ctx context.Context, r *pb.StatusRequest) (*pb.StatusResponse, error) {
	status, err := inspect(ctx, r, h.controller.Status)
	if err != nil {
		return nil, err
	}
	return wire.EncodeStatus(status), nil
}

func (h *handler) Snapshot(ctx context.Context, r *pb.SnapshotRequest) (*pb.SnapshotResponse, error) {
	tree, err := inspect(ctx, r, h.controller.Snapshot)
	if err != nil {
		return nil, err
	}
	e := wire.Encoder{Room: maxErrorsSize}
	return reserveMemory(ctx, &pb.SnapshotResponse{Supervisor: e.Supervisor(tree)})
}

func (h *handler) Children(ctx context.Context, r *pb.ChildrenRequest) (*pb.ChildrenResponse, error) {
	children, err := inspect(ctx, r, h.controller.Children)
	if err != nil {
		return nil, err
	}
	e := wire.Encoder{Room: maxErrorsSize}
	return reserveMemory(ctx, &pb.ChildrenResponse{Children: e.Children(children)})
}

func (h *handler) Child(ctx context.Context, r *pb.ChildRequest) (*pb.ChildResponse, error) {
	child, err := inspect(ctx, r, h.controller.Child)
	if err != nil {
		return nil, err
	}
	e := wire.Encoder{Room: maxErrorsSize}
	return reserveMemory(ctx, &pb.ChildResponse{Child: e.Child(child)})
}

func (h *handler) Stacks(ctx context.Context, r *pb.StacksRequest) (*pb.StacksResponse, error) {
	stacks, err := inspect(ctx, r, h.controller.Stacks)
	if err != nil {
		return nil, err
	}
	return reserveMemory(ctx, &pb.StacksResponse{Stacks: wire.ValidText(stacks[:min(len(stacks), maxErrorsSize)])})
}

// inspect calls a method of the controller for the path of a request.
func inspect[T any](ctx context.Context, r interface{ GetPath() string }, method func(context.Context, string) (T, error)) (T, error) {
	setTarget(ctx, r.GetPath(), 0)
	result, err := method(ctx, wire.DecodePath(r.GetPath()))
	return result, encodeError(ctx, err)
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
	e := wire.Encoder{Room: maxErrorsSize}
	return &pb.StartChildResponse{Child: e.Child(child)}, nil
}

func (h *handler) TerminateChild(ctx context.Context, r *pb.TerminateChildRequest) (*pb.TerminateChildResponse, error) {
	return &pb.TerminateChildResponse{}, h.operate(ctx, r.GetTarget(), h.exceptSelf("terminate", h.controller.TerminateChild))
}

func (h *handler) RestartChild(ctx context.Context, r *pb.RestartChildRequest) (*pb.RestartChildResponse, error) {
	return &pb.RestartChildResponse{}, h.operate(ctx, r.GetTarget(), h.controller.RestartChild)
}

func (h *handler) Replace(ctx context.Context, r *pb.ReplaceRequest) (*pb.ReplaceResponse, error) {
	return &pb.ReplaceResponse{}, h.operate(ctx, r.GetTarget(), h.exceptSelf("replace", h.controller.Replace))
}

func (h *handler) DeleteChild(ctx context.Context, r *pb.DeleteChildRequest) (*pb.DeleteChildResponse, error) {
	return &pb.DeleteChildResponse{}, h.operate(ctx, r.GetTarget(), h.controller.DeleteChild)
}

func (h *handler) Shutdown(ctx context.Context, r *pb.ShutdownRequest) (*pb.ShutdownResponse, error) {
	switch path := r.GetTarget().GetPath(); {
	case path == "" && !r.GetWhole():
		return nil, connect.Errorf(connect.CodeInvalidArgument,
			`no path: to shut down the whole tree, send {"target": {"path": %q}} or {"whole": true}`, h.pathOrName(ctx, ""))
	case path != "" && r.GetWhole():
		return nil, connect.Errorf(connect.CodeInvalidArgument, `both whole and the path %q: send one of them`, path)
	}
	return &pb.ShutdownResponse{}, h.operate(ctx, r.GetTarget(), h.exceptSelf("shut down", func(ctx context.Context, t sup.Target) error {
		return h.ignoreSelf(h.controller.Shutdown(ctx, t))
	}))
}

// operate calls f for a target.
func (h *handler) operate(ctx context.Context, target *pb.Target, f func(context.Context, sup.Target) error) error {
	setTarget(ctx, h.pathOrName(ctx, target.GetPath()), target.GetIncarnation())
	bounded, cancel := withWait(ctx, target.GetWait())
	defer cancel()
	return encodeError(ctx, f(bounded, sup.Target{
		Path:        wire.DecodePath(target.GetPath()),
		Incarnation: int(target.GetIncarnation()),
	}))
}

// withWait limits a call to the time that its caller asked for, if any.
func withWait(ctx context.Context, wait *durationpb.Duration) (context.Context, context.CancelFunc) {
	if d := wait.AsDuration(); d > 0 {
		return context.WithTimeout(ctx, d)
	}
	return ctx, func() {}
}
