package plugin

import (
	"context"
	"crypto/tls"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/espalier-go/espalier/sup/proc"
)

// dial starts the process and connects to it.
func (in *instance[T]) dial(ctx context.Context) (goplugin.ClientProtocol, error) {
	if _, err := in.host.Start(); err != nil {
		return nil, err
	}
	if in.protocol == goplugin.ProtocolGRPC {
		return in.host.Client()
	}
	return in.dialRPC(ctx)
}

// dialRPC does for net/rpc what go-plugin does, on a connection that has limits.
func (in *instance[T]) dialRPC(ctx context.Context) (goplugin.ClientProtocol, error) {
	conn, err := in.wire.dial(ctx)
	if err != nil {
		return nil, err
	}
	if in.config.TLSConfig != nil {
		conn = tls.Client(conn, in.config.TLSConfig)
	}
	conn = newFramed(conn, in.wire)
	link, err := goplugin.NewRPCClient(conn, goplugin.PluginSet{in.spec.Serves: in.dialer.stub})
	if err != nil {
		return nil, err // and the connection is closed
	}
	err = link.SyncStreams(in.binary.writer(proc.Stdout), in.binary.writer(proc.Stderr))
	return link, err
}

// quit asks the plugin to end itself, and reports whether it has heard.
func (in *instance[T]) quit() bool {
	if isClosed(in.gone) {
		in.wire.cut(ErrUnreachable) // else go-plugin connects again in order to say that it closes
	}
	return in.link.Close() == nil
}
