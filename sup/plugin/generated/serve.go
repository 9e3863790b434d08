package generated

import (
	"fmt"
	"math"
	"os"

	"github.com/hashicorp/go-hclog"
	goplugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
)

// Serve serves an implementation until the host ends the process. It is the main function
// of a plugin. If the interface cannot cross, Serve prints why and exits with status 2.
func Serve(d *Definition, impl any) {
	s := stub{def: d, impl: impl}
	if err := s.CheckShape(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	goplugin.Serve(&goplugin.ServeConfig{
		HandshakeConfig: handshake,
		Plugins:         goplugin.PluginSet{"plugin": s},
		Logger:          hclog.New(&hclog.LoggerOptions{Level: hclog.Warn, Output: os.Stderr, JSONFormat: true}),
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(math.MaxInt32))...)
		},
	})
}
