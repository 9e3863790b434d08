//go:build unix

package plugin_test

import (
	"context"
	"errors"
	"net/rpc"
	"strings"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Words is the interface of the plugins in these tests.
type Words interface {
	// Count counts the words of a text.
	Count(ctx context.Context, text string) (int, error)
	// Tell makes the plugin do something, see obey.
	Tell(ctx context.Context, order string) (string, error)
}

// words implements Words in the plugin.
type words struct{}

func (words) Count(_ context.Context, text string) (int, error) {
	if text == "" {
		return 0, errors.New("no text")
	}
	return len(strings.Fields(text)), nil
}

func (words) Tell(ctx context.Context, order string) (string, error) { return obey(ctx, order) }

var handshake = goplugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "WORDS_PLUGIN",
	MagicCookieValue: "of these tests",
}

// The service for gRPC has two methods and is written by hand.

const serviceName = "words.Words"

type wordsService interface {
	count(ctx context.Context, text *wrapperspb.StringValue) (*wrapperspb.Int64Value, error)
	tell(ctx context.Context, order *wrapperspb.StringValue) (*wrapperspb.StringValue, error)
}

type grpcServer struct{ impl Words }

func (s grpcServer) count(ctx context.Context, text *wrapperspb.StringValue) (*wrapperspb.Int64Value, error) {
	n, err := s.impl.Count(ctx, text.Value)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	return wrapperspb.Int64(int64(n)), nil
}

func (s grpcServer) tell(ctx context.Context, order *wrapperspb.StringValue) (*wrapperspb.StringValue, error) {
	answer, err := s.impl.Tell(ctx, order.Value)
	return wrapperspb.String(answer), err
}

func method[A any](name string, call func(wordsService, context.Context, *wrapperspb.StringValue) (A, error)) grpc.MethodDesc {
	return grpc.MethodDesc{MethodName: name, Handler: func(srv any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		in := new(wrapperspb.StringValue)
		if err := decode(in); err != nil {
			return nil, err
		}
		return call(srv.(wordsService), ctx, in)
	}}
}

func serviceOf(name string) *grpc.ServiceDesc {
	return &grpc.ServiceDesc{
		ServiceName: name,
		HandlerType: (*wordsService)(nil),
		Methods: []grpc.MethodDesc{
			method("Count", wordsService.count),
			method("Tell", wordsService.tell),
		},
	}
}

type grpcClient struct{ conn *grpc.ClientConn }

func newGRPCWords(_ context.Context, conn *grpc.ClientConn) (Words, error) {
	return grpcClient{conn}, nil
}

func (c grpcClient) Count(ctx context.Context, text string) (int, error) {
	n := new(wrapperspb.Int64Value)
	err := c.conn.Invoke(ctx, "/"+serviceName+"/Count", wrapperspb.String(text), n)
	return int(n.Value), err
}

func (c grpcClient) Tell(ctx context.Context, order string) (string, error) {
	answer := new(wrapperspb.StringValue)
	err := c.conn.Invoke(ctx, "/"+serviceName+"/Tell", wrapperspb.String(order), answer)
	return answer.Value, err
}

// grpcWords is the definition of the plugin for go-plugin, with both halves.
type grpcWords struct {
	goplugin.NetRPCUnsupportedPlugin
	service string
	impl    Words
}

// offer opens a connection to the host through the broker of the plugin.
var offer func(id uint32)

func (p grpcWords) GRPCServer(b *goplugin.GRPCBroker, s *grpc.Server) error {
	offer = func(id uint32) {
		if l, err := b.Accept(id); err == nil {
			l.Close()
		}
	}
	s.RegisterService(serviceOf(p.service), grpcServer{p.impl})
	return nil
}

func (p grpcWords) GRPCClient(ctx context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return newGRPCWords(ctx, conn)
}

// net/rpc passes no context to the plugin.

type rpcWords struct{ impl Words }

func (p rpcWords) Server(b *goplugin.MuxBroker) (any, error) {
	offer = func(id uint32) {
		go b.Dial(id)
	}
	return &rpcServer{p.impl}, nil
}
func (p rpcWords) Client(_ *goplugin.MuxBroker, c *rpc.Client) (any, error) {
	return newRPCWords(c)
}

type rpcServer struct{ impl Words }

func (s *rpcServer) Count(text string, n *int) (err error) {
	*n, err = s.impl.Count(context.Background(), text)
	return err
}

func (s *rpcServer) Tell(order string, answer *string) (err error) {
	*answer, err = s.impl.Tell(context.Background(), order)
	return err
}

type rpcClient struct{ client *rpc.Client }

func newRPCWords(c *rpc.Client) (Words, error) { return rpcClient{c}, nil }

func (c rpcClient) call(ctx context.Context, method, arg string, answer any) error {
	select {
	case call := <-c.client.Go("Plugin."+method, arg, answer, make(chan *rpc.Call, 1)).Done:
		return call.Error
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c rpcClient) Count(ctx context.Context, text string) (n int, err error) {
	err = c.call(ctx, "Count", text, &n)
	return n, err
}

func (c rpcClient) Tell(ctx context.Context, order string) (answer string, err error) {
	err = c.call(ctx, "Tell", order, &answer)
	return answer, err
}

// stringPlugin makes a string, which is not a Words.
type stringPlugin struct{ grpcWords }

func (stringPlugin) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return nil }
func (stringPlugin) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return "not it", nil
}

// eitherWords is a definition for both protocols.
type eitherWords struct{ rpcWords }

func (eitherWords) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	s.RegisterService(serviceOf(serviceName), grpcServer{})
	return nil
}

func (eitherWords) GRPCClient(ctx context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return newGRPCWords(ctx, conn)
}
