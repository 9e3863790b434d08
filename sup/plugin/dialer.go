package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"slices"
	"strings"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
)

// A Dialer makes a T from the connection to a plugin, see [GRPC], [NetRPC] and [Stub].
// The zero Dialer is invalid.
type Dialer[T any] struct {
	stub      goplugin.Plugin
	protocols []goplugin.Protocol
	services  []string // that the plugin must serve; nil if unknown
}

func (d Dialer[T]) isSet() bool { return d.stub != nil }

// GRPC returns a Dialer for plugins over gRPC. make gets the connection and a context
// that ends with the process.
//
// services are the full names of the services that the T calls, such as
// "word.Counter". A start fails with [ErrInterface] if the plugin does not serve all of
// them. The plugin is asked by gRPC server reflection, which go-plugin enables. Without
// services, it is not asked.
func GRPC[T any](make func(ctx context.Context, conn *grpc.ClientConn) (T, error), services ...string) Dialer[T] {
	if make == nil {
		return Dialer[T]{}
	}
	return Dialer[T]{grpcStub[T]{make: make}, []goplugin.Protocol{goplugin.ProtocolGRPC}, services}
}

// NetRPC returns a Dialer for plugins over net/rpc. make gets the client of what the
// plugin serves under [Spec].Serves. go-plugin prefixes each method with "Plugin."
//
// A call over net/rpc has no context. rpc.Client.Call returns when the plugin answers
// or the process ends, even if the caller has no time left. If a method may hang, let
// the T call rpc.Client.Go and wait for the context too.
func NetRPC[T any](make func(client *rpc.Client) (T, error)) Dialer[T] {
	if make == nil {
		return Dialer[T]{}
	}
	return Dialer[T]{rpcStub[T]{make: make}, []goplugin.Protocol{goplugin.ProtocolNetRPC}, nil}
}

// Stub returns a Dialer that uses a plugin definition written for go-plugin. The client
// half of the definition makes the T. If it returns a value of another type, the start
// fails with [ErrInterface].
//
// A definition for gRPC is also asked which services it serves, by calling its
// GRPCServer with a server that is not used otherwise. The plugin must serve all of
// them. If GRPCServer fails without an implementation, the services are not checked.
func Stub[T any](definition goplugin.Plugin) Dialer[T] {
	if definition == nil {
		return Dialer[T]{}
	}
	d := Dialer[T]{stub: definition, protocols: []goplugin.Protocol{goplugin.ProtocolNetRPC}}
	if g, ok := definition.(goplugin.GRPCPlugin); ok {
		d.protocols = append(d.protocols, goplugin.ProtocolGRPC)
		d.services = servicesOf(g)
	}
	return d
}

// servicesOf returns the names of the services that a definition serves, or nil if it
// needs its implementation, which only the plugin has.
func servicesOf(definition goplugin.GRPCPlugin) (names []string) {
	defer func() {
		if recover() != nil {
			names = nil
		}
	}()
	server := grpc.NewServer()
	defer server.Stop()
	if err := definition.GRPCServer(nil, server); err != nil {
		return nil
	}
	for name := range server.GetServiceInfo() {
		names = append(names, name)
	}
	return names
}

// typed returns the value that a definition made as a T.
func typed[T any](value any) (T, error) {
	t, ok := value.(T)
	if !ok {
		return t, fmt.Errorf("%w: client of type %T instead of %s", ErrInterface, value, typeName[T]())
	}
	return t, nil
}

func typeName[T any]() string { return fmt.Sprintf("%T", (*T)(nil))[1:] }

var errClientOnly = errors.New("a Dialer cannot serve: serve the plugin with its own definition")

// grpcStub is the client half of a definition for gRPC.
type grpcStub[T any] struct {
	goplugin.NetRPCUnsupportedPlugin
	make func(ctx context.Context, conn *grpc.ClientConn) (T, error)
}

func (grpcStub[T]) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return errClientOnly }
func (s grpcStub[T]) GRPCClient(ctx context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return s.make(ctx, conn)
}

// rpcStub is the client half of a definition for net/rpc.
type rpcStub[T any] struct {
	make func(client *rpc.Client) (T, error)
}

func (rpcStub[T]) Server(*goplugin.MuxBroker) (any, error) { return nil, errClientOnly }
func (s rpcStub[T]) Client(_ *goplugin.MuxBroker, client *rpc.Client) (any, error) {
	return s.make(client)
}

// checkServices checks that the connection works, and that the plugin serves what its
// T calls. A binary that has passed is not asked again, because callers wait for the
// answer after a crash.
func (in *instance[T]) checkServices(ctx context.Context) error {
	client, ok := in.client.(*goplugin.GRPCClient)
	if !ok {
		return nil // over net/rpc, Dispense checks the connection
	}
	checked := in.spec.checkedFile.Load()
	known := checked != nil && *checked == in.file && in.file.exists()
	if known && client.Conn.GetState() == connectivity.Ready {
		return nil
	}
	if known || len(in.dialer.services) == 0 {
		return in.connectionError(in.ping(ctx))
	}
	served, err := listServices(ctx, client.Conn)
	if status.Code(err) == codes.Unimplemented {
		return fmt.Errorf("%w: no server reflection: %w", ErrInterface, err)
	}
	if err != nil {
		return in.connectionError(err)
	}
	var missing []string
	for _, name := range in.dialer.services {
		if !slices.Contains(served, name) {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return fmt.Errorf("%w: no service %s, which %s needs", ErrInterface, strings.Join(missing, ", "), typeName[T]())
	}
	in.spec.checkedFile.Store(&in.file)
	return nil
}

// listServices asks a server for the names of its services. Plugins built with an old
// gRPC have the older version of reflection only. Both versions use the same messages.
func listServices(ctx context.Context, conn grpc.ClientConnInterface) ([]string, error) {
	names, err := listServicesBy(ctx, conn, "grpc.reflection.v1.ServerReflection")
	if status.Code(err) == codes.Unimplemented {
		return listServicesBy(ctx, conn, "grpc.reflection.v1alpha.ServerReflection")
	}
	return names, err
}

func listServicesBy(ctx context.Context, conn grpc.ClientConnInterface, reflection string) ([]string, error) {
	ctx, cancel := context.WithCancel(ctx) // ends the stream
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc_reflection_v1.ServerReflection_ServiceDesc.Streams[0], "/"+reflection+"/ServerReflectionInfo")
	if err != nil {
		return nil, err
	}
	list := &grpc_reflection_v1.ServerReflectionRequest_ListServices{}
	err = stream.SendMsg(&grpc_reflection_v1.ServerReflectionRequest{MessageRequest: list})
	if err != nil && err != io.EOF { // after io.EOF, RecvMsg returns the reason
		return nil, err
	}
	answer := new(grpc_reflection_v1.ServerReflectionResponse)
	if err := stream.RecvMsg(answer); err != nil {
		return nil, err
	}
	var names []string
	for _, s := range answer.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	return names, nil
}
