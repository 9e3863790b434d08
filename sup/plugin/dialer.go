package plugin

import (
	"context"
	"errors"
	"fmt"
	"net/rpc"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// A Dialer makes a T of the connection to a plugin. [GRPC], [NetRPC] and [Stub]
// return one; the zero Dialer makes nothing.
type Dialer[T any] struct {
	stub     goplugin.Plugin
	protocol []goplugin.Protocol
	services []string // that the plugin must serve; nil if unknown
}

func (d Dialer[T]) set() bool { return d.stub != nil }

// GRPC returns a Dialer for plugins that speak gRPC: make is called with the
// connection. The context ends with the process.
//
// The services are the full names, such as "word.Counter", of what the plugin
// must serve for the T to work: a plugin that does not is no T, and its start
// fails with [ErrInterface]. The plugin is asked through gRPC server
// reflection, which go-plugin offers; without services it is not asked.
func GRPC[T any](make func(ctx context.Context, conn *grpc.ClientConn) (T, error), services ...string) Dialer[T] {
	if make == nil {
		return Dialer[T]{}
	}
	return Dialer[T]{grpcStub[T]{make: make}, []goplugin.Protocol{goplugin.ProtocolGRPC}, services}
}

// NetRPC returns a Dialer for plugins that speak net/rpc: make is called with
// the client of what the plugin serves under [Spec].Serves. The methods are
// those of "Plugin", as go-plugin has it.
//
// A call of net/rpc knows no context: rpc.Client.Call returns when the plugin
// answers or its process ends, however little time the caller has. If a method
// may hang, let the T call rpc.Client.Go, and wait for the context too.
func NetRPC[T any](make func(client *rpc.Client) (T, error)) Dialer[T] {
	if make == nil {
		return Dialer[T]{}
	}
	return Dialer[T]{rpcStub[T]{make: make}, []goplugin.Protocol{goplugin.ProtocolNetRPC}, nil}
}

// Stub returns a Dialer of a plugin definition that was written for go-plugin:
// its client half makes the T. If that returns anything else the start fails
// with [ErrInterface].
//
// A definition that speaks gRPC is also asked which services it would serve,
// by its GRPCServer on a server that is not used for anything else, and the
// plugin must serve the same; one whose GRPCServer fails without an
// implementation says nothing about that, and then the plugin is not asked.
func Stub[T any](definition goplugin.Plugin) Dialer[T] {
	if definition == nil {
		return Dialer[T]{}
	}
	d := Dialer[T]{stub: definition, protocol: []goplugin.Protocol{goplugin.ProtocolNetRPC}}
	if g, ok := definition.(goplugin.GRPCPlugin); ok {
		d.protocol = append(d.protocol, goplugin.ProtocolGRPC)
		d.services = servicesOf(g)
	}
	return d
}

// servicesOf returns the names of the services that a definition serves.
func servicesOf(definition goplugin.GRPCPlugin) (names []string) {
	defer func() {
		if recover() != nil { // it needs the implementation, which is in the plugin
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

// made returns what a definition made as a T.
func made[T any](made any) (T, error) {
	t, ok := made.(T)
	if !ok {
		return t, fmt.Errorf("%w: client of type %T, not %s", ErrInterface, made, typeName[T]())
	}
	return t, nil
}

func typeName[T any]() string { return fmt.Sprintf("%T", (*T)(nil))[1:] }

var errNoServer = errors.New("Dialer without a server (serve the plugin with its own definition)")

// grpcStub is the client half of a definition.
type grpcStub[T any] struct {
	goplugin.NetRPCUnsupportedPlugin
	make func(ctx context.Context, conn *grpc.ClientConn) (T, error)
}

func (grpcStub[T]) GRPCServer(*goplugin.GRPCBroker, *grpc.Server) error { return errNoServer }
func (s grpcStub[T]) GRPCClient(ctx context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	return s.make(ctx, conn)
}

// rpcStub is the client half of a definition.
type rpcStub[T any] struct {
	make func(client *rpc.Client) (T, error)
}

func (rpcStub[T]) Server(*goplugin.MuxBroker) (any, error) { return nil, errNoServer }
func (s rpcStub[T]) Client(_ *goplugin.MuxBroker, client *rpc.Client) (any, error) {
	return s.make(client)
}
