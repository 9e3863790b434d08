package generated

import (
	"google.golang.org/grpc"

	"github.com/espalier-go/espalier/sup/plugin/internal/rpc"
)

// Register serves an implementation, for benchmarks.
func Register(s grpc.ServiceRegistrar, d *Definition, impl any) error {
	return rpc.Register(s, d, impl)
}

// RemoteOf returns the Caller of a connection, for benchmarks.
func RemoteOf(d *Definition, conn grpc.ClientConnInterface) Caller {
	return &rpc.Remote{Def: d, Conn: conn}
}
