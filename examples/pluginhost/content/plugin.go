package content

import (
	"context"
	"os"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A Converter converts a file to an R. It is the interface of the plugins of a kind. The
// generated clients of the services implement it.
type Converter[R any] interface {
	// Convert converts a file. An error with the code InvalidArgument says that the file
	// is refused.
	Convert(ctx context.Context, in *File, opts ...grpc.CallOption) (R, error)
}

// Handshake is the configuration by which host and plugins recognize each other.
var Handshake = goplugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "PLUGINHOST_CONTENT",
	MagicCookieValue: "a file goes in, and what is made of it comes out",
}

// MaxFile is the maximum size of a file for a plugin, in bytes.
const MaxFile = 64 << 20

// Serving is a function that implements a service. If it returns an error, the file is
// refused. A panic ends the plugin.
type Serving[R any] func(f *File) (R, error)

// Convert implements the generated server interfaces.
func (convert Serving[R]) Convert(_ context.Context, f *File) (R, error) {
	r, err := convert(f)
	if err != nil {
		return r, status.Error(codes.InvalidArgument, err.Error())
	}
	return r, nil
}

// Answer returns the reason for which a plugin refused a file. It returns false for any
// other error.
func Answer(err error) (text string, ok bool) {
	s, ok := status.FromError(err)
	if !ok || s.Code() != codes.InvalidArgument {
		return "", false
	}
	return s.Message(), true
}

// version is set when a plugin is built, with -ldflags.
var version = "1"

// Serve is the main function of a plugin. register registers its service. Serve returns
// when the host stops the plugin.
func Serve(register func(s *grpc.Server)) {
	log := hclog.New(&hclog.LoggerOptions{Level: hclog.Info, Output: os.Stderr, JSONFormat: true})
	log.Info("serving", "version", version)
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: Handshake,
		Plugins:         goplugin.PluginSet{"plugin": served{register: register}},
		Logger:          log,
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			const envelope = 1 << 10 // the size of a message without its file
			return grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(MaxFile+envelope))...)
		},
	})
}

// served is the server half of a definition for go-plugin. The host has the client half,
// see plugin.GRPC.
type served struct {
	goplugin.NetRPCUnsupportedPlugin
	register func(s *grpc.Server)
}

func (p served) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	p.register(s)
	return nil
}

func (served) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, status.Error(codes.Unimplemented, "a plugin has no client")
}
