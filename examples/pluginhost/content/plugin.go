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

// A Converter makes an R of a file: the type of the plugins of a kind, as the
// host calls them. The clients that are generated for the services are
// Converters.
type Converter[R any] interface {
	// Convert returns what it makes of a file. An error of the code
	// InvalidArgument is its answer: there is something wrong with the file.
	Convert(ctx context.Context, in *File, opts ...grpc.CallOption) (R, error)
}

// Handshake is what host and plugins know each other by.
var Handshake = goplugin.HandshakeConfig{
	ProtocolVersion:  1,
	MagicCookieKey:   "PLUGINHOST_CONTENT",
	MagicCookieValue: "a file goes in, and what is made of it comes out",
}

// MaxFile is the largest file that is sent to a plugin, in bytes.
const MaxFile = 64 << 20

// Serving is a service that answers with what a function makes of a file. Its
// error is the answer that the file is no good; a panic ends the plugin.
type Serving[R any] func(f *File) (R, error)

// Convert implements the generated server interfaces.
func (convert Serving[R]) Convert(_ context.Context, f *File) (R, error) {
	r, err := convert(f)
	if err != nil {
		return r, status.Error(codes.InvalidArgument, err.Error())
	}
	return r, nil
}

// Answer returns the text of an error that is a plugin's answer.
func Answer(err error) (text string, ok bool) {
	s, ok := status.FromError(err)
	if !ok || s.Code() != codes.InvalidArgument {
		return "", false
	}
	return s.Message(), true
}

// version is set by who builds a plugin, with -ldflags.
var version = "1"

// Serve is the main function of a plugin; register registers its service. It
// returns when the host is done with it.
func Serve(register func(s *grpc.Server)) {
	log := hclog.New(&hclog.LoggerOptions{Level: hclog.Info, Output: os.Stderr, JSONFormat: true})
	log.Info("serving", "version", version)
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: Handshake,
		Plugins:         goplugin.PluginSet{"plugin": served{register: register}},
		Logger:          log,
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			const envelope = 1 << 10 // what comes to a file in its message
			return grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(MaxFile+envelope))...)
		},
	})
}

// served is the server half of a plugin, as go-plugin wants it. The client half
// is the host's, see plugin.GRPC.
type served struct {
	goplugin.NetRPCUnsupportedPlugin
	register func(s *grpc.Server)
}

func (p served) GRPCServer(_ *goplugin.GRPCBroker, s *grpc.Server) error {
	p.register(s)
	return nil
}

func (served) GRPCClient(context.Context, *goplugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, status.Error(codes.Unimplemented, "this is the plugin: it has no client")
}
