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

// transport makes all connections to a plugin, and closes them. go-plugin cannot cancel
// what it does with a connection and sets no time limit. The end of the process is not
// enough either, because a descendant may hold the socket. Closed connections end all
// of it.
type transport struct {
	limits     limits
	onExceeded func(error) // kills a plugin that has exceeded a limit
	opened     rateLimit   // of connections that the plugin opens or offers
	ids        recentIDs   // of these connections
	network    string      // set by the handshake, before the first dial
	address    string

	ctx    context.Context // ends when the transport is closed
	cancel context.CancelCauseFunc

	mu      sync.Mutex
	conns   map[*trackedConn]struct{}
	clients map[*grpc.ClientConn]struct{} // created by go-plugin
	dialErr error                         // of the last dial that failed
}

func newTransport(l limits, onExceeded func(error)) *transport {
	t := &transport{
		limits:     l,
		onExceeded: onExceeded,
		opened:     rateLimit{limit: l.brokered},
		conns:      make(map[*trackedConn]struct{}),
		clients:    make(map[*grpc.ClientConn]struct{}),
	}
	t.ctx, t.cancel = context.WithCancelCause(context.Background())
	return t
}

// dial connects to the plugin.
func (t *transport) dial(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(t.ctx, func() { cancel(context.Cause(t.ctx)) })()
	conn, err := new(net.Dialer).DialContext(ctx, t.network, t.address)
	if errors.Is(err, syscall.EAGAIN) {
		// The number is not wrapped, because it would mean that the host lacks resources.
		err = fmt.Errorf("dial %s: connection queue of the plugin is full", t.address)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.dialErr = err
		return nil, err
	}
	if t.ctx.Err() != nil { // closed after the dial
		conn.Close()
		return nil, context.Cause(t.ctx)
	}
	tracked := &trackedConn{conn, t}
	t.conns[tracked] = struct{}{}
	return tracked, nil
}

// trackedConn is a connection that its transport closes. Close removes it from the
// transport.
type trackedConn struct {
	net.Conn
	transport *transport
}

func (c *trackedConn) Close() error {
	c.transport.mu.Lock()
	delete(c.transport.conns, c)
	c.transport.mu.Unlock()
	return c.Conn.Close()
}

// lastDialError returns the error of the last dial that failed.
func (t *transport) lastDialError() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dialErr
}

// close closes all connections and refuses new ones. Everything that waits for the
// plugin through them returns.
func (t *transport) close(cause error) {
	t.cancel(cause)
	t.mu.Lock()
	var conns []*trackedConn
	for c := range t.conns {
		conns = append(conns, c)
	}
	clients := t.clients
	t.clients = nil
	t.mu.Unlock() // Close of a connection locks mu
	for c := range clients {
		_ = c.Close() // it may be closed already
	}
	for _, c := range conns {
		_ = c.Close()
	}
}

// track registers a client of gRPC to be closed with the transport, because go-plugin
// does not close a client of a failed start. It returns false if the transport is
// closed.
func (t *transport) track(c *grpc.ClientConn) bool {
	t.mu.Lock()
	closed := t.ctx.Err() != nil
	if !closed {
		t.clients[c] = struct{}{}
	}
	t.mu.Unlock()
	if closed {
		_ = c.Close()
	}
	return !closed
}

// dialOptions returns the options for go-plugin's client of gRPC.
func (t *transport) dialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return t.dial(ctx) }),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(t.limits.message)),
		grpc.WithChainStreamInterceptor(t.interceptStream),
	}
}

// brokerMethod is the stream on which a plugin offers connections.
const brokerMethod = "/plugin.GRPCBroker/StartStream"

// interceptStream tracks the client of each stream, and limits the broker's. go-plugin
// opens a stream before it returns a client.
func (t *transport) interceptStream(ctx context.Context, desc *grpc.StreamDesc, c *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	if !t.track(c) {
		return nil, status.Error(codes.Unavailable, context.Cause(t.ctx).Error())
	}
	stream, err := open(ctx, desc, c, method, opts...)
	if err == nil && method == brokerMethod {
		stream = &brokerStream{stream, t}
	}
	return stream, err
}
