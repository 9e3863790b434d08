// Package generated has what the code that supgen writes for an interface marked
// //sup:plugin is made of. Programs do not use it directly. They use the functions that
// supgen writes and package plugin.
package generated

import (
	"context"
	"iter"

	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/espalier-go/espalier/sup/plugin"
	"github.com/espalier-go/espalier/sup/plugin/internal/rpc"
	"github.com/espalier-go/espalier/sup/proc"
)

// A Definition describes an interface, see [Define].
type Definition = rpc.Definition

// A Method describes a method of a [Definition].
type Method = rpc.Method

// A NamedError is an exported error variable of the package of an interface.
type NamedError = rpc.NamedError

// A Caller calls the methods of an interface.
type Caller = rpc.Caller

// A ServerCall is a call on the side that implements the interface.
type ServerCall = rpc.ServerCall

// Define registers the description of an interface and returns it.
func Define(d *Definition) *Definition { return rpc.Define(d) }

// Stream returns the stream that a method returns. The call begins when it is used.
func Stream[T any](ctx context.Context, c Caller, method string, in ...any) iter.Seq2[T, error] {
	return rpc.Stream[T](ctx, c, method, in...)
}

// Input returns the parameter for a stream that the caller passes.
func Input[T any](seq iter.Seq2[T, error]) any { return rpc.NewInput(seq) }

// TakeInput returns the stream that is the next parameter of a call.
func TakeInput[T any](c *ServerCall) iter.Seq2[T, error] { return rpc.TakeInput[T](c) }

// Callback returns the parameter for an interface marked //sup:plugin that the caller
// passes. A nil interface arrives as nil.
func Callback[T any](impl T) any { return rpc.NewCallback(impl) }

// TakeCallback returns the interface that is the next parameter of a call.
func TakeCallback[T any](c *ServerCall) (T, error) { return rpc.TakeCallback[T](c) }

// Output sends the stream that a method has returned.
func Output[T any](c *ServerCall, seq iter.Seq2[T, error]) error { return rpc.Output(c, seq) }

// handshake has the cookie of all plugins of a Go interface. What differs between their
// interfaces is told by their shapes.
var handshake = goplugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "ESPALIER_PLUGIN",
	MagicCookieValue: "interface",
}

// stub is the definition of an interface for go-plugin. impl is nil in the host.
type stub struct {
	goplugin.NetRPCUnsupportedPlugin
	def  *Definition
	impl any
}

func (s stub) GRPCServer(_ *goplugin.GRPCBroker, server *grpc.Server) error {
	return rpc.Register(server, s.def, s.impl)
}

func (s stub) GRPCClient(ctx context.Context, _ *goplugin.GRPCBroker, conn *grpc.ClientConn) (any, error) {
	remote := &rpc.Remote{Def: s.def, Conn: conn}
	if err := remote.Compare(ctx); err != nil {
		return nil, err
	}
	return s.def.NewClient(remote), nil
}

// CheckShape returns the reasons for which the interface cannot cross. The check of a
// [plugin.Spec] calls it.
func (s stub) CheckShape() error {
	_, err := rpc.Shape(s.def.Type)
	return err
}

// Spec returns the spec of a plugin that a binary implements.
func Spec[T any](d *Definition, command proc.Command) plugin.Spec[T] {
	return plugin.Spec[T]{Command: command, Handshake: handshake, Dial: plugin.Stub[T](stub{def: d})}
}

// Through returns a Caller for the plugin of a handle. See [plugin.Do].
func Through[T any](d *Definition, h plugin.Handle[T]) Caller { return through[T]{d, h} }

type through[T any] struct {
	def    *Definition
	handle plugin.Handle[T]
}

func (c through[T]) Call(ctx context.Context, method string, in, out []any) error {
	var opts []plugin.Option
	if c.def.IsIdempotent(method) {
		opts = append(opts, plugin.Idempotent())
	}
	return plugin.Do(ctx, c.handle, func(ctx context.Context, t T) error {
		return c.def.CallerOf(t).Call(ctx, method, in, out)
	}, opts...)
}

func (c through[T]) Stream(ctx context.Context, method string, in []any, yield func(rpc.Item) bool) error {
	return plugin.Do(ctx, c.handle, func(ctx context.Context, t T) error {
		return c.def.CallerOf(t).Stream(ctx, method, in, yield)
	})
}
