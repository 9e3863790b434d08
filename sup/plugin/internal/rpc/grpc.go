package rpc

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"

	"github.com/espalier-go/espalier/sup/plugin/internal/shape"
)

// ServiceName is the name of the service of gRPC that serves any interface.
const ServiceName = "espalier.plugin.v1.Interface"

const (
	methodShape   = "/" + ServiceName + "/Shape"
	methodCall    = "/" + ServiceName + "/Call"
	methodSession = "/" + ServiceName + "/Session"
)

// codecName is the name of the codec of gRPC by which frames cross as they are.
const codecName = "espalier-frame"

func init() { encoding.RegisterCodecV2(frameCodec{}) }

// frameCodec is the codec of gRPC for messages that are encoded already.
type frameCodec struct{}

func (frameCodec) Name() string { return codecName }

func (frameCodec) Marshal(v any) (mem.BufferSlice, error) {
	switch v := v.(type) {
	case *frame:
		body := v.body
		v.body = payload{}
		return mem.BufferSlice{mem.SliceBuffer(v.marshal()), body.buffer()}, nil
	case *message:
		return mem.BufferSlice{v.body.buffer()}, nil
	}
	return nil, fmt.Errorf("%T is no frame", v)
}

func (frameCodec) Unmarshal(data mem.BufferSlice, v any) (err error) {
	switch v := v.(type) {
	case *frame:
		*v, err = unmarshalFrame(data.Materialize())
		return err
	case *message:
		v.received = data.MaterializeToBuffer(mem.DefaultBufferPool())
		v.body = payload{data: v.received.ReadOnlyData()}
		return nil
	}
	return fmt.Errorf("%T is no frame", v)
}

// A message is the request or the response of a call that is no session. A request is the
// bytes of a frame. The memory of a message is used again, because it may be large.
type message struct {
	body     payload
	received mem.Buffer // nil unless the message was received
}

// free returns the memory of a message that was received. Nothing may refer to it.
func (m *message) free() {
	if m.received != nil {
		m.received.Free()
	}
}

// Register makes a server of gRPC serve impl.
func Register(s grpc.ServiceRegistrar, def *Definition, impl any) error {
	i, err := Shape(def.Type)
	if err != nil {
		return err
	}
	s.RegisterService(&grpc.ServiceDesc{
		ServiceName: ServiceName,
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{
			{MethodName: "Shape", Handler: func(_ any, _ context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				var in message
				if err := dec(&in); err != nil {
					return nil, err
				}
				in.free()
				own := i.Exchange()
				out, err := codec{limit: maxEncoded}.encode(&own)
				return &message{body: out}, err
			}},
			{MethodName: "Call", Handler: func(_ any, ctx context.Context, dec func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
				var in message
				if err := dec(&in); err != nil {
					return nil, err
				}
				defer in.free()
				f, err := unmarshalFrame(in.body.data)
				if err != nil {
					return nil, err
				}
				call := &ServerCall{args: f.body, codec: codec{limit: maxEncoded}, def: def}
				body, err := call.response(call.run(ctx, impl, f.method, false))
				return &message{body: body}, err
			}},
		},
		Streams: []grpc.StreamDesc{{
			StreamName: "Session", ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, stream grpc.ServerStream) error {
				return serveSession(stream.Context(), grpcConn{stream}, codec{limit: maxEncoded}, def, impl)
			},
		}},
	}, impl)
	return nil
}

// grpcConn is a stream of gRPC as a conn.
type grpcConn struct {
	stream interface {
		SendMsg(m any) error
		RecvMsg(m any) error
	}
}

func (c grpcConn) send(f frame) error { return c.stream.SendMsg(&f) }

func (c grpcConn) receive() (f frame, err error) {
	err = c.stream.RecvMsg(&f)
	return f, err
}

// A Remote calls a plugin over a connection of gRPC.
type Remote struct {
	Def  *Definition
	Conn grpc.ClientConnInterface
}

var subtype = grpc.CallContentSubtype(codecName)

// Compare compares the shape of the interface with that of the plugin. If they do not fit
// together, the error is a *[ShapeError].
func (r *Remote) Compare(ctx context.Context) error {
	i, err := Shape(r.Def.Type)
	if err != nil {
		return err
	}
	here := i.Exchange()
	var in, out message
	if err := r.Conn.Invoke(ctx, methodShape, &in, &out, subtype); err != nil {
		return err
	}
	defer out.free()
	var there shape.Exchange
	if _, err := out.body.decode(&there); err != nil {
		return err
	}
	if err := there.Valid(); err != nil {
		return err
	}
	if faults := shape.Compare(here, there); faults != nil {
		return &ShapeError{r.Def.Name, faults}
	}
	return nil
}

// Call implements [Caller].
func (r *Remote) Call(ctx context.Context, method string, in, out []any) error {
	m, err := r.Def.method(method)
	if err != nil {
		return err
	}
	if m.Session {
		return r.session(ctx, method, in, out, nil)
	}
	args, err := codec{limit: maxEncoded}.encode(in...)
	if err != nil {
		return err
	}
	var answer message
	if err := r.Conn.Invoke(ctx, methodCall, &frame{kind: frameOpen, method: method, body: args}, &answer, subtype); err != nil {
		return ended(ctx, err)
	}
	defer answer.free()
	return r.Def.readResult(answer.body, out)
}

// Stream implements [Caller].
func (r *Remote) Stream(ctx context.Context, method string, in []any, yield func(Item) bool) error {
	return r.session(ctx, method, in, nil, func(p payload) bool { return yield(Item{r.Def, p}) })
}

var sessionDesc = &grpc.StreamDesc{StreamName: "Session", ServerStreams: true, ClientStreams: true}

func (r *Remote) session(ctx context.Context, method string, in, out []any, yield func(payload) bool) error {
	streamCtx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := r.Conn.NewStream(streamCtx, sessionDesc, methodSession, subtype)
	if err != nil {
		return ended(ctx, err)
	}
	return ended(ctx, callSession(ctx, grpcConn{stream}, cancel, codec{limit: maxEncoded}, r.Def, method, in, out, yield))
}

// deadlineSkew is how much earlier than here the deadline of a call may pass there.
const deadlineSkew = time.Second

// ended returns the cause of a context in place of what gRPC makes of it.
func ended(ctx context.Context, err error) error {
	code := status.Code(err)
	if err == nil || code != codes.Canceled && code != codes.DeadlineExceeded {
		return err
	}
	if deadline, ok := ctx.Deadline(); ok && code == codes.DeadlineExceeded && time.Until(deadline) < deadlineSkew {
		<-ctx.Done()
	}
	if ctx.Err() == nil {
		return err
	}
	return context.Cause(ctx)
}
