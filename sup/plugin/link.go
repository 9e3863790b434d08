package plugin

import (
	"context"
	"crypto/tls"
	"net"

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

// dialRPC does for net/rpc what go-plugin does, on a connection that is quiet
// and has limits.
func (in *instance[T]) dialRPC(ctx context.Context) (goplugin.ClientProtocol, error) {
	conn, err := in.wire.dial(ctx)
	if err != nil {
		return nil, err
	}
	conn = quiet{conn}
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

// quiet is a connection that tells of its end by reads only. To yamux, which
// has it, a write that fails is a reason to print to the standard error of the
// host: so whenever a plugin dies.
type quiet struct{ net.Conn }

func (c quiet) Write(b []byte) (int, error) {
	if _, err := c.Conn.Write(b); err != nil {
		_ = c.Conn.Close()
	}
	return len(b), nil
}

// quit asks the plugin to end itself, and reports whether it has heard.
func (in *instance[T]) quit() bool {
	if isClosed(in.gone) {
		in.wire.cut(ErrUnreachable) // else go-plugin connects again in order to say that it closes
	}
	return in.link.Close() == nil
}
