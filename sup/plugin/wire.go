package plugin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// wire makes all connections to a plugin, and cuts them. What go-plugin does
// with a connection cannot be called off and has no bound of its own, and the
// end of the process is none either: a descendant of it may hold the socket. Cut
// connections end all of it.
type wire struct {
	limits  limits
	exceed  func(error) // ends the plugin that has gone past a limit
	meter   meter       // of what the plugin opens
	ids     recentIDs   // of that
	network string      // set with the handshake, before anything is dialled
	address string

	ctx    context.Context // ends when the connections are cut
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	conns   map[*wireConn]struct{}
	clients map[*grpc.ClientConn]struct{} // that go-plugin has made
	failed  error                         // why the last dial has failed
}

func newWire(l limits, exceed func(error)) *wire {
	w := &wire{
		limits:  l,
		exceed:  exceed,
		meter:   meter{most: l.brokered},
		conns:   make(map[*wireConn]struct{}),
		clients: make(map[*grpc.ClientConn]struct{}),
	}
	w.ctx, w.cancel = context.WithCancelCause(context.Background())
	return w
}

// dial connects to the plugin.
func (w *wire) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(w.ctx, func() { cancel(context.Cause(w.ctx)) })()
	conn, err := new(net.Dialer).DialContext(ctx, w.network, w.address)
	if errors.Is(err, syscall.EAGAIN) {
		// The queue of the plugin's socket is full. The number alone would say that
		// the host has run out of something.
		err = fmt.Errorf("dial %s: queue of connections full", w.address)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.failed = err
		return nil, err
	}
	if w.ctx.Err() != nil { // cut meanwhile
		conn.Close()
		return nil, context.Cause(w.ctx)
	}
	made := &wireConn{conn, w}
	w.conns[made] = struct{}{}
	return made, nil
}

// wireConn is a connection that is forgotten when it is closed.
type wireConn struct {
	net.Conn
	wire *wire
}

func (c *wireConn) Close() error {
	c.wire.mu.Lock()
	delete(c.wire.conns, c)
	c.wire.mu.Unlock()
	return c.Conn.Close()
}

// dialFailure is why the last dial has failed. gRPC has no more than its text.
func (w *wire) dialFailure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// cut closes all connections, and lets no more be made. All that waits for the
// plugin through them returns.
func (w *wire) cut(cause error) {
	w.cancel(cause)
	w.mu.Lock()
	var conns []*wireConn
	for c := range w.conns {
		conns = append(conns, c)
	}
	clients := w.clients
	w.clients = nil
	w.mu.Unlock()
	for c := range clients {
		_ = c.Close() // it may be closed already
	}
	for _, c := range conns {
		_ = c.Close()
	}
}

// adopt takes note of a client of gRPC, and reports false if the connections
// have been cut. A client that go-plugin has given up is closed by nobody else.
func (w *wire) adopt(c *grpc.ClientConn) bool {
	w.mu.Lock()
	cut := w.ctx.Err() != nil
	if !cut {
		w.clients[c] = struct{}{}
	}
	w.mu.Unlock()
	if cut {
		_ = c.Close()
	}
	return !cut
}

// dialOptions are the options for go-plugin's client of gRPC.
func (w *wire) dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return w.dial(ctx) }),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(w.limits.message)),
		grpc.WithChainStreamInterceptor(w.interceptStream),
	}
}

// brokerMethod is the stream by which a plugin offers connections.
const brokerMethod = "/plugin.GRPCBroker/StartStream"

// interceptStream sees each stream before it is opened. go-plugin opens one
// before it returns a client.
func (w *wire) interceptStream(ctx context.Context, desc *grpc.StreamDesc, c *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if !w.adopt(c) {
		return nil, status.Error(codes.Unavailable, context.Cause(w.ctx).Error())
	}
	stream, err := open(ctx, desc, c, method, opts...)
	if err == nil && method == brokerMethod {
		stream = &brokerStream{stream, w}
	}
	return stream, err
}
