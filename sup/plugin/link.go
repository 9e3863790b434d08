package plugin

import (
	"crypto/tls"
	"net"

	goplugin "github.com/hashicorp/go-plugin"

	"github.com/espalier-go/espalier/sup/proc"
)

// dial starts the process and connects to it.
func (in *instance[T]) dial() (goplugin.ClientProtocol, error) {
	addr, err := in.host.Start()
	if err != nil {
		return nil, err
	}
	if in.protocol == goplugin.ProtocolGRPC {
		return in.host.Client()
	}
	return in.dialRPC(addr)
}

// dialRPC does for net/rpc what go-plugin does, on a connection that is quiet.
func (in *instance[T]) dialRPC(addr net.Addr) (goplugin.ClientProtocol, error) {
	conn, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		return nil, err
	}
	conn = quiet{conn}
	if in.config.TLSConfig != nil {
		conn = tls.Client(conn, in.config.TLSConfig)
	}
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
		in.hangUp()
	}
	return in.link.Close() == nil
}

// hangUp closes a connection that nobody is at the other end of, or go-plugin
// would try to connect again in order to say that it closes it.
func (in *instance[T]) hangUp() {
	if link, ok := in.link.(*goplugin.GRPCClient); ok {
		_ = link.Conn.Close() // it is closed a second time by go-plugin
	}
}
